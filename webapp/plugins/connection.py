"""TCP and TLS connections, for plugins that look at services."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from webapp.objects import values
from webapp.plugins.contract import Context, Failed, Parameter

if TYPE_CHECKING:
    import ssl

TIMEOUT = Parameter("timeout", "number", 10, help="Seconds to wait for each answer.", minimum=0.1, maximum=120)
CONNECT_TO = Parameter(
    "connect_to", help="Host and port to connect to instead; the name asked for stays.", example="127.0.0.1:8443"
)


def target(text: str, default_port: int) -> tuple[str, int]:
    """A cleaned input: host, address or host:port."""
    try:
        return (text, default_port) if values.is_address(text) else values.host_port(text)
    except ValueError:
        return text, default_port


def connect(context: Context, host: str, port: int, instead: str | None = None) -> socket.socket:
    """Failed says in words why nobody could be reached; `instead` is a value of CONNECT_TO."""
    try:
        where = values.host_port(instead) if instead else (host, port)
    except ValueError as error:
        raise Failed(f"connect_to: {error}", "invalid_input") from None
    shown = values.join_host_port(*where)
    try:
        return socket.create_connection(where, timeout=context.option("timeout"))
    except socket.gaierror:
        raise Failed(f"{where[0]} has no address", "network_error") from None
    except socket.timeout:
        raise Failed(f"{shown} did not answer within {context.option('timeout'):g} s", "network_error") from None
    except OSError as error:
        raise Failed(f"{shown} cannot be reached: {error.strerror or error}", "network_error") from None


def start_tls(connected: socket.socket, host: str, settings: ssl.SSLContext) -> ssl.SSLSocket:
    """Closes the connection when there is no TLS; a certificate that is refused stays SSLError."""
    import ssl

    name = None if values.is_address(host) and not settings.check_hostname else host
    try:
        return settings.wrap_socket(connected, server_hostname=name)
    except ssl.SSLCertVerificationError:
        connected.close()
        raise
    except (ssl.SSLError, OSError) as error:
        connected.close()
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise Failed(f"{host} does not speak TLS here: {said}", "network_error") from None


def unverified() -> ssl.SSLContext:
    """Takes any certificate and old ciphers: what a service offers is what is looked at."""
    import ssl

    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    settings.check_hostname = False
    settings.verify_mode = ssl.CERT_NONE
    settings.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    settings.set_ciphers("ALL:@SECLEVEL=0")
    return settings
