"""Values that objects and plugin inputs are made of: each function returns the one canonical form
or raises ValueError with a text that may stand beside a form field.

Light on purpose: forked plugin children and agents load it, so standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote, urlsplit

HOSTNAME = "Enter a hostname, like example.com"
ADDRESS = "Enter an IP address, like 192.0.2.1 or 2001:db8::1"
PORT = "Enter a port from 1 to 65535"
HOST_PORT = "Enter a host and port, like example.com:443 or [2001:db8::1]:443"
URL = "Enter a URL, like https://example.com/"
NETWORK = "Enter a network name of letters, digits and dashes, like internet"
DNS_NAME = "Enter a DNS name, like _dmarc.example.com"

# Underscores are no hostname by RFC 1123, but service names (_dmarc) and many real hosts have them.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Resolvers read a name that ends in a number as an address: 256.1.1.1, 0x7f.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NETWORK = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class FieldErrors(ValueError):
    """Input that cannot be used; `errors` is a list of {"field", "message"}."""

    def __init__(self, errors: list[dict[str, str]]):
        super().__init__("; ".join(f"{error['field']}: {error['message']}" for error in errors))
        self.errors = errors


def network(value: Any) -> str:
    name = _word(value, NETWORK).lower()
    if not _NETWORK.fullmatch(name):
        raise ValueError(NETWORK)
    return name


def hostname(value: Any) -> str:
    name = _word(value, HOSTNAME)
    try:
        name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(HOSTNAME) from None
    name = name.lower()
    name = name[:-1] if name.endswith(".") else name
    labels = name.split(".")
    if len(name) > 253 or _NUMBER.fullmatch(labels[-1]) or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(HOSTNAME)
    return name


def dns_name(value: Any) -> str:
    """Any owner or target in a zone: wildcards, the root ("." of a null MX), odd labels."""
    name = _word(value, DNS_NAME).lower()
    name = name[:-1] if name.endswith(".") and name != "." else name
    if not name or len(name) > 1004 or "|" in name:  # 253 bytes, each shown as \DDD at worst
        raise ValueError(DNS_NAME)
    return name


def ip_address(value: Any) -> str:
    text = _word(value, ADDRESS)
    try:
        # A zone (fe80::1%eth0) means something on one host only.
        if "%" in text:
            raise ValueError
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(ADDRESS) from None


def host(value: Any) -> str:
    """A hostname or an address."""
    try:
        return ip_address(value)
    except ValueError:
        return hostname(value)


def is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def port(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError(PORT)
    return value


def host_port(value: Any) -> tuple[str, int]:
    text = _word(value, HOST_PORT)
    name, colon, number = text.rpartition(":")
    if not colon:
        raise ValueError(HOST_PORT)
    if name.startswith("[") and name.endswith("]"):
        return ip_address(name[1:-1]), port(number)
    if ":" in name:
        raise ValueError(HOST_PORT)
    return host(name), port(number)


def join_host_port(name: str, number: int) -> str:
    return f"[{name}]:{number}" if ":" in name else f"{name}:{number}"


def url(value: Any) -> str:
    """http or https; no user and password, which would end up in lists and logs; no fragment."""
    text = _word(value, URL)
    try:
        parts = urlsplit(text)
        number = parts.port
    except ValueError:
        raise ValueError(URL) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or number == 0:
        raise ValueError(URL)
    if "@" in parts.netloc:
        raise ValueError("Enter the URL without a user name and password")
    name = host(parts.hostname)
    name = f"[{name}]" if ":" in name else name
    where = name if number in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{number}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=-._~?") if parts.query else ""
    return f"{parts.scheme}://{where}{path}{query}"


def _word(value: Any, message: str) -> str:
    """Text without spaces and control characters; surrounding space is a slip of the hand."""
    if not isinstance(value, str):
        raise ValueError(message)
    text = value.strip()
    if not text or not text.isprintable() or " " in text:
        raise ValueError(message)
    return text
