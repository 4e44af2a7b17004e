"""The names that belong to an address, from its PTR records."""

from __future__ import annotations

from webapp.objects import values
from webapp.plugins import resolver
from webapp.plugins.contract import Context, Manifest, overriding

PLUGIN = Manifest(
    id="reverse_dns",
    name="Reverse DNS",
    description="Names of an IP address, from its PTR records.",
    consumes=("ipaddress",),
    produces=("dns_ptr_record", "hostname", "ipaddress", "file:dns"),
    parameters=overriding(resolver.SETTINGS),
    settings=resolver.SETTINGS,
)


def run(context: Context) -> dict[str, object]:
    import dns.reversename

    address = context.input
    question = dns.reversename.from_address(address)
    context.emit("ipaddress", address=address)
    names = []
    for rrset in resolver.ask(resolver.resolver(context), question, "PTR") or []:
        if rrset.rdtype.name != "PTR":
            continue  # delegation below an octet (RFC 2317) puts aliases before the records
        for record in sorted(rrset):
            names.append(_keep(context, address, record.target.to_text(omit_final_dot=True).lower(), rrset.ttl))
    print("\n".join(names) if names else f"{address} has no name")
    context.save("dns.json", {"address": address, "question": question.to_text(), "names": names}, "dns")
    return {"names": names}


def _keep(context: Context, address: str, name: str, ttl: int) -> str:
    context.emit("dns_ptr_record", address=address, hostname=name, ttl=ttl)
    try:
        context.emit("hostname", name=values.hostname(name))
    except ValueError:
        print(f"{name} is no hostname, so only the record is kept")
    return name
