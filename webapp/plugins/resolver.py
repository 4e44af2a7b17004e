"""Questions to the DNS, for plugins that ask them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webapp.objects import values
from webapp.plugins.contract import Context, Failed, Parameter

if TYPE_CHECKING:
    from dns.name import Name
    from dns.resolver import Resolver

SETTINGS = (
    Parameter("resolver", help="Name server to ask; without one, those of the system.", example="192.0.2.53:53"),
    Parameter("timeout", "number", 5, help="Seconds to wait for an answer.", minimum=0.1, maximum=120),
)


def resolver(context: Context) -> Resolver:
    import dns.resolver  # late: 30 ms that reading a manifest need not pay

    chosen = context.option("resolver")
    asked = dns.resolver.Resolver(configure=not chosen)
    asked.lifetime = asked.timeout = context.option("timeout")
    if chosen:
        asked.nameservers, asked.port = _address_and_port(chosen)
    return asked


def ask(asked: Resolver, name: str | Name, record_type: str) -> list[Any] | None:
    """The answer's record sets, aliases on the way included; None when there is no such name.

    Failed when nobody answers, or with something else than yes or no."""
    import dns.exception
    import dns.resolver

    try:
        return asked.resolve(name, record_type, raise_on_no_answer=False, search=False).response.answer
    except dns.resolver.NXDOMAIN:
        return None
    except (dns.exception.DNSException, OSError) as error:
        raise Failed(f"{record_type} of {name}: {error}", "network_error") from error


def _address_and_port(text: str) -> tuple[list[str], int]:
    try:
        host, port = (text, 53) if values.is_address(text) else values.host_port(text)
        return [values.ip_address(host)], port
    except ValueError:
        raise Failed(f"resolver: {values.ADDRESS}, with or without a port", "invalid_input") from None
