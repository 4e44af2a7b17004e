"""The table of object types: what each one holds, and the natural key by which it is one object.

`clean` checks fields, `natural_key` names the object ("internet|example.com"), `parse_key` reads the
name back, `references` tells which other objects it points at. No database here: plugins use it in
their own processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from difflib import get_close_matches
from typing import Any, Callable

from webapp.objects import values
from webapp.objects.values import FieldErrors

INTERNET = "internet"
TEXT_LIMIT = 65_536
# A longer last part of a key (a TXT record, a URL) is replaced by its hash: keys are indexed.
KEY_PART_LIMIT = 255


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    refers: str = ""  # the type of object that this value names
    help: str = ""


@dataclass(frozen=True)
class ObjectType:
    """`key` names the fields of the natural key; only the last of them may hold free text."""

    name: str
    label: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)


def clean(type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in canonical form, defaults filled in; raises FieldErrors with every fault."""
    kind = type_of(type)
    known = {field.name for field in kind.fields}
    errors = [_error(name, unknown("field", name, known)) for name in fields if name not in known]
    cleaned = {}
    for field in kind.fields:
        try:
            value = _value(field, fields.get(field.name))
        except ValueError as error:
            errors.append(_error(field.name, str(error)))
        else:
            if value is not None:
                cleaned[field.name] = value
    if errors:
        raise FieldErrors(errors)
    return cleaned


def natural_key(type: str, fields: Mapping[str, Any]) -> str:
    """Of fields that `clean` returned."""
    return "|".join(_key_part(fields.get(name, "")) for name in type_of(type).key)


def parse_key(type: str, key: str) -> dict[str, Any]:
    """The fields that a key names, checked; FieldErrors when it is no key of this type."""
    kind = type_of(type)
    parts = key.split("|", len(kind.key) - 1)
    if len(parts) != len(kind.key):
        shape = "|".join(f"<{name}>" for name in kind.key)
        raise FieldErrors([_error("key", f"Enter a key of the form {shape}")])
    fields: dict[str, Any] = {}
    errors = []
    for name, part in zip(kind.key, parts):
        try:
            fields[name] = _value(kind.field(name), _from_key(kind.field(name), part))
        except ValueError as error:
            errors.append(_error(name, str(error)))
    if errors:
        raise FieldErrors(errors)
    return fields


def references(type: str, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(type, key) of the objects that these cleaned fields name, whether they exist or not."""
    return list(referring(type, fields).values())


def referring(type: str, fields: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The same by the name of the field."""
    if type == "finding":
        return {"object_key": (fields["object_type"], fields["object_key"])}
    network = fields.get("network", INTERNET)
    named = [(each.name, each.refers, fields.get(each.name)) for each in type_of(type).fields if each.refers]
    found = {name: (kind, _key_of(kind, network, value)) for name, kind, value in named if value}
    return {name: (kind, key) for name, (kind, key) in found.items() if key}


def _key_of(kind: str, network: str, value: Any) -> str:
    """ "" for a DNS name that is no hostname."""
    if kind == "hostname":
        try:
            value = values.hostname(value)
        except ValueError:
            return ""
    return natural_key(kind, {"network": network, type_of(kind).key[-1]: value})


def type_of(name: Any) -> ObjectType:
    if not isinstance(name, str) or name not in OBJECT_TYPES:
        raise FieldErrors([_error("type", unknown("object type", str(name), OBJECT_TYPES))])
    return OBJECT_TYPES[name]


def unknown(what: str, name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), 1)
    return f'Unknown {what} "{name[:80]}".' + (f" Did you mean {near[0]}?" if near else "")


def _value(field: Field, value: Any) -> Any:
    if value is None or value == "":
        if field.required and field.default is None:
            raise ValueError(f"Enter the {field.name.replace('_', ' ')}")
        return field.default
    if field.choices and value not in field.choices:
        raise ValueError(f"Choose {', '.join(field.choices[:-1])} or {field.choices[-1]}")
    return _KINDS[field.kind](value)


def _key_part(value: Any) -> str:
    text = str(value)
    if len(text) <= KEY_PART_LIMIT:
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _from_key(field: Field, part: str) -> Any:
    return int(part) if field.kind == "integer" and part.isascii() and part.isdigit() else part


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("Enter text")
    if len(value) > TEXT_LIMIT:
        raise ValueError(f"Enter at most {TEXT_LIMIT} characters")
    return value


def _word(value: Any) -> str:
    """A part of a key that other parts follow."""
    if not isinstance(value, str) or "|" in value or not value.isprintable() or len(value) > KEY_PART_LIMIT:
        raise ValueError(f"Enter at most {KEY_PART_LIMIT} characters without |")
    return value.strip()


def _fingerprint(value: Any) -> str:
    text = _word(value).replace(":", "").lower()
    if len(text) != 64 or any(c not in "0123456789abcdef" for c in text):
        raise ValueError("Enter a SHA-256 fingerprint: 64 hexadecimal digits")
    return text


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("Enter a whole number")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Enter true or false")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)) or len(value) > 10_000:
        raise ValueError("Enter a list of texts")
    return [_text(each) for each in value]


def _moment(value: Any) -> str:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, TypeError, ValueError):
        raise ValueError("Enter a time like 2026-12-01T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("Name the zone of the time, like 2026-12-01T09:00:00Z")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _object_type(value: Any) -> str:
    if value not in OBJECT_TYPES:
        raise ValueError(unknown("object type", str(value), OBJECT_TYPES))
    return str(value)


def _error(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}


# fmt: off
_KINDS: dict[str, Callable[[Any], Any]] = {
    "network": values.network, "hostname": values.hostname, "dns_name": values.dns_name,
    "ipaddress": values.ip_address, "port": values.port, "url": values.url, "fingerprint": _fingerprint,
    "text": _text, "word": _word, "header": lambda value: _word(value).lower(), "object_type": _object_type,
    "integer": _integer, "boolean": _boolean, "list": _texts, "time": _moment,
}

_NETWORK = Field("network", "network", True, INTERNET, help="Where the name or address means something.")
_OWNER = Field("hostname", "dns_name", True, refers="hostname", help="The name that holds the record.")
_TTL = Field("ttl", "integer", help="Seconds that resolvers may keep it.")


def _record(kind: str, *fields: Field, key: tuple[str, ...]) -> ObjectType:
    fields = (_NETWORK, _OWNER, *fields, _TTL)
    return ObjectType(f"dns_{kind.lower()}_record", f"DNS {kind} record", ("network", "hostname", *key), fields)


SEVERITIES = ("critical", "high", "medium", "low", "info")

_TABLE = (
    ObjectType("hostname", "Hostname", ("network", "name"), (
        _NETWORK, Field("name", "hostname", True, help="Like example.com."))),
    ObjectType("ipaddress", "IP address", ("network", "address"), (
        _NETWORK, Field("address", "ipaddress", True, help="IPv4 or IPv6."))),
    ObjectType("ipport", "Port", ("network", "address", "protocol", "port"), (
        _NETWORK,
        Field("address", "ipaddress", True, refers="ipaddress"),
        Field("protocol", "word", True, "tcp", choices=("tcp", "udp")),
        Field("port", "port", True),
        Field("service", "text", help="What usually listens there, like https."),
        Field("banner", "text", help="The first bytes that it sent."),
        Field("tls_version", "text"), Field("tls_cipher", "text"),
        Field("tls_trusted", "boolean"), Field("tls_error", "text"),
        Field("certificate", "fingerprint", refers="certificate"))),
    ObjectType("url", "URL", ("network", "url"), (
        _NETWORK,
        Field("url", "url", True),
        Field("hostname", "dns_name", refers="hostname"),
        Field("status", "integer"), Field("server", "text"), Field("content_type", "text"),
        Field("redirects_to", "url", refers="url"),
        Field("missing_headers", "list", help="Security headers that the answer did not have."))),
    ObjectType("http_header", "HTTP header", ("network", "name", "url"), (
        _NETWORK, Field("name", "header", True), Field("url", "url", True, refers="url"), Field("value", "text"))),
    ObjectType("certificate", "Certificate", ("fingerprint",), (
        Field("fingerprint", "fingerprint", True, help="SHA-256 of the DER form."),
        Field("subject", "text"), Field("issuer", "text"), Field("serial", "text"),
        Field("not_before", "time"), Field("not_after", "time"),
        Field("names", "list"), Field("key_type", "text"), Field("key_bits", "integer"),
        Field("signature_algorithm", "text"), Field("self_signed", "boolean"), Field("ca", "boolean"))),
    _record("A", Field("address", "ipaddress", True, refers="ipaddress"), key=("address",)),
    _record("AAAA", Field("address", "ipaddress", True, refers="ipaddress"), key=("address",)),
    _record("NS", Field("nameserver", "dns_name", True, refers="hostname"), key=("nameserver",)),
    _record("MX", Field("preference", "integer", True), Field("mail_server", "dns_name", True, refers="hostname"),
            key=("preference", "mail_server")),
    _record("SOA", Field("primary", "dns_name", True, refers="hostname"), Field("contact", "dns_name"),
            Field("serial", "integer"), Field("refresh", "integer"), Field("retry", "integer"),
            Field("expire", "integer"), Field("minimum", "integer"), key=("primary",)),
    _record("TXT", Field("value", "text", True, ""), key=("value",)),
    _record("CNAME", Field("target", "dns_name", True, refers="hostname"), key=("target",)),
    ObjectType("dns_ptr_record", "DNS PTR record", ("network", "address", "hostname"), (
        _NETWORK, Field("address", "ipaddress", True, refers="ipaddress"), _OWNER, _TTL)),
    ObjectType("software", "Software", ("name", "version"), (
        Field("name", "word", True), Field("version", "text", True, ""),
        Field("vendor", "text"), Field("cpe", "text"))),
    ObjectType("finding", "Finding", ("finding_type", "object_type", "object_key"), (
        Field("finding_type", "word", True, help="Like certificate-expired."),
        Field("object_type", "object_type", True),
        Field("object_key", "text", True, help="Natural key of the object that it is about."),
        Field("severity", "word", True, "medium", choices=SEVERITIES),
        Field("description", "text"), Field("recommendation", "text"))),
)
# fmt: on
OBJECT_TYPES: dict[str, ObjectType] = {kind.name: kind for kind in _TABLE}
