"""The certificates that a service shows, and what its TLS is like."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from webapp.objects import values
from webapp.plugins import connection
from webapp.plugins.contract import Context, Failed, Manifest, Parameter, overriding

if TYPE_CHECKING:
    import ssl

    from cryptography import x509

SETTINGS = (connection.TIMEOUT,)

PLUGIN = Manifest(
    id="tls_certificate",
    name="TLS certificate",
    description="Certificate chain of a TLS service: names, validity, key, trust; protocol and cipher.",
    consumes=("hostname", "ipaddress", "ipport"),
    produces=("certificate", "ipport", "ipaddress", "file:pem"),
    parameters=(
        Parameter(
            "port", "integer", 443, help="Port, when the input names none.", minimum=1, maximum=65535, example="443"
        ),
        Parameter(
            "server_name", help="Name to ask for (SNI) when it is not that of the input.", example="www.example.com"
        ),
        connection.CONNECT_TO,
        *overriding(SETTINGS),
    ),
    settings=(
        *SETTINGS,
        Parameter("authorities", "text", help="Certificates (PEM) of authorities to trust beside the system's."),
    ),
)


@dataclass(frozen=True)
class Seen:
    address: str
    port: int
    version: str
    cipher: str
    chain: list[bytes]


def run(context: Context) -> dict[str, object]:
    host, port = connection.target(context.input, context.parameters["port"])
    name = _server_name(context, host)
    with connection.start_tls(_connect(context, host, port), name, connection.unverified()) as tls:
        address, reached = tls.getpeername()[:2]
        cipher = (tls.cipher() or ("",))[0]
        seen = Seen(address.partition("%")[0], reached, tls.version() or "", cipher, _chain(tls))
    refusal = _refusal(context, host, port, name)
    certificates = [_describe(der) for der in seen.chain]
    _keep(context, seen, certificates, refusal)
    _print(seen, certificates, refusal)
    leaf = certificates[0]
    return {
        "protocol": seen.version, "cipher": seen.cipher, "trusted": not refusal, "error": refusal,
        "subject": leaf["subject"], "names": leaf["names"], "not_after": leaf["not_after"].isoformat(),
    }  # fmt: skip


def _keep(context: Context, seen: Seen, certificates: list[dict[str, Any]], refusal: str) -> None:
    import ssl

    for certificate in certificates:
        context.emit("certificate", **certificate)
    context.emit("ipaddress", address=seen.address)
    tls = {"tls_version": seen.version, "tls_cipher": seen.cipher, "tls_trusted": not refusal, "tls_error": refusal}
    fingerprint = certificates[0]["fingerprint"]
    context.emit("ipport", address=seen.address, port=seen.port, certificate=fingerprint, **tls)
    context.save("chain.pem", "".join(ssl.DER_cert_to_PEM_cert(der) for der in seen.chain), "pem")


def _server_name(context: Context, host: str) -> str:
    try:
        return values.host(context.parameters["server_name"] or host)
    except ValueError as error:
        context.fail(f"server_name: {error}", "invalid_input")


def _connect(context: Context, host: str, port: int) -> socket.socket:
    return connection.connect(context, host, port, context.parameters["connect_to"])


def _refusal(context: Context, host: str, port: int, name: str) -> str:
    """Why a client with the system's authorities would refuse this service; "" when it would not."""
    import ssl

    settings = ssl.create_default_context()
    if context.settings["authorities"]:
        try:
            settings.load_verify_locations(cadata=context.settings["authorities"])
        except ssl.SSLError:
            context.fail("settings.authorities: Enter certificates in PEM form", "invalid_input")
    try:
        connection.start_tls(_connect(context, host, port), name, settings).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except Failed as failure:
        return str(failure)
    return ""


def _chain(tls: ssl.SSLSocket) -> list[bytes]:
    """The service's certificates in DER form, its own first. The whole chain is public from Python
    3.13 on; before, the inner object has it."""
    if hasattr(tls, "get_unverified_chain"):
        return [bytes(der) for der in tls.get_unverified_chain()]
    inner = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    if inner:
        return [certificate.public_bytes(2) for certificate in inner()]  # 2: _ssl.ENCODING_DER
    return [tls.getpeercert(binary_form=True) or b""]


def _describe(der: bytes) -> dict[str, Any]:
    from cryptography import exceptions, x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        return _fields(certificate) | {"fingerprint": hashlib.sha256(der).hexdigest()}
    except (
        ValueError,
        TypeError,
        exceptions.UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise Failed(f"The service shows a certificate that cannot be read: {error}", "network_error") from None


def _fields(certificate: x509.Certificate) -> dict[str, Any]:
    from cryptography import x509

    algorithm = certificate.signature_hash_algorithm
    basic = _extension(certificate, x509.BasicConstraints)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
        "names": _names(certificate),
        "key_type": type(certificate.public_key()).__name__.removesuffix("PublicKey").lstrip("_"),
        "key_bits": getattr(certificate.public_key(), "key_size", None),
        # Ed25519 and Ed448 hash inside; their identifier is all there is to tell.
        "signature_algorithm": algorithm.name if algorithm else certificate.signature_algorithm_oid.dotted_string,
        "self_signed": certificate.issuer == certificate.subject,
        "ca": bool(basic and basic.ca),
    }


def _names(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    names = _extension(certificate, x509.SubjectAlternativeName)
    if not names:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _print(seen: Seen, certificates: list[dict[str, Any]], refusal: str) -> None:
    print(f"{seen.version} with {seen.cipher}")
    print(f"A client would refuse it: {refusal}" if refusal else "A client would trust it")
    for number, certificate in enumerate(certificates):
        print(f"::group::Certificate {number + 1}: {certificate['subject']}")
        print("\n".join(f"{key}: {value}" for key, value in certificate.items()))
        print("::endgroup::")
