"""What the DNS says about a name: one object for each record, and for the names and addresses in it."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any, Callable

from webapp.objects import values
from webapp.plugins import resolver
from webapp.plugins.contract import Context, Failed, Manifest, Parameter, overriding

TYPES = ("A", "AAAA", "NS", "MX", "SOA", "TXT", "CNAME")

PLUGIN = Manifest(
    id="dns_records",
    name="DNS records",
    description="A, AAAA, NS, MX, SOA, TXT and CNAME records of a hostname, and its DMARC policy.",
    consumes=("hostname",),
    produces=(*(f"dns_{kind.lower()}_record" for kind in TYPES), "hostname", "ipaddress", "file:dns"),
    parameters=(
        Parameter("types", "list", TYPES, help="Record types.", pattern="|".join(TYPES), minimum=1, example="A, MX"),
        Parameter("dmarc", "boolean", True, help="Also ask for the TXT record of _dmarc below the name."),
        *overriding(resolver.SETTINGS),
    ),
    settings=resolver.SETTINGS,
)


def run(context: Context) -> dict[str, object]:
    name, asked = context.input, resolver.resolver(context)
    questions = [(name, kind) for kind in context.parameters["types"]]
    if context.parameters["dmarc"] and "TXT" in context.parameters["types"]:
        questions.append((f"_dmarc.{name}", "TXT"))
    records, failures, exists = [], [], False
    for number, (owner, kind) in enumerate(questions):
        context.progress(number / len(questions), f"{kind} of {owner}")
        try:
            answer = resolver.ask(asked, owner, kind)
        except Failed as failure:
            failures.append(failure)
            print(failure, file=sys.stderr)
            continue
        exists = exists or (answer is not None and owner == name)
        records += [record for record in _records(answer or []) if record not in records]
    if len(failures) == len(questions):
        raise failures[0]
    _keep(context, name, records, exists)
    counts = Counter(record["type"] for record in records)
    return {"exists": exists, "records": dict(counts), "unanswered": len(failures)}


def _records(answer: list[Any]) -> list[dict[str, Any]]:
    return [
        {"name": _name(rrset.name), "type": rrset.rdtype.name, "ttl": rrset.ttl, **_FIELDS[rrset.rdtype.name](record)}
        for rrset in answer
        if rrset.rdtype.name in _FIELDS
        for record in sorted(rrset)  # name servers turn the order at each answer
    ]


def _keep(context: Context, name: str, records: list[dict[str, Any]], exists: bool) -> None:
    if not exists:
        print(f"{name} does not exist")
    else:
        context.emit("hostname", name=name)
    for record in records:
        fields = {key: value for key, value in record.items() if key not in ("name", "type")}
        print(record["name"], record["type"], *fields.values())
        context.emit(f"dns_{record['type'].lower()}_record", hostname=record["name"], **fields)
        _keep_named(context, fields)
    context.save("dns.json", {"name": name, "exists": exists, "records": records}, "dns")


def _keep_named(context: Context, fields: dict[str, Any]) -> None:
    """The address or name that a record points at is an object of its own."""
    if "address" in fields:
        context.emit("ipaddress", address=fields["address"])
    for key in ("nameserver", "mail_server", "target"):
        try:
            if key in fields:
                context.emit("hostname", name=values.hostname(fields[key]))
        except ValueError:
            print(f"{fields[key]} is no hostname, so only the record is kept")


def _name(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)).lower()


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


_FIELDS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "A": lambda record: {"address": record.address},
    "AAAA": lambda record: {"address": record.address},
    "NS": lambda record: {"nameserver": _name(record.target)},
    "CNAME": lambda record: {"target": _name(record.target)},
    "MX": lambda record: {"preference": record.preference, "mail_server": _name(record.exchange)},
    "TXT": lambda record: {"value": _shown(b"".join(record.strings))},
    "SOA": lambda record: {
        "primary": _name(record.mname),
        "contact": _name(record.rname),
        "serial": record.serial,
        "refresh": record.refresh,
        "retry": record.retry,
        "expire": record.expire,
        "minimum": record.minimum,
    },
}
