"""HTTP: certificates, caps, kept connections and the four kinds of failure."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.agent.conftest import Host
from tests.agent.server import Server
from workers.agent import protocol
from workers.agent.client import Backoff, Client, Final, NotAllowed, Transient, UpgradeNeeded, require_safe


class Canned:
    """Answers every connection with the next of its answers, as they are."""

    def __init__(self, *answers):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._serve, args=(answers,), daemon=True).start()

    def _serve(self, answers):
        for answer in answers:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                for part in answer if isinstance(answer, list) else [answer]:
                    while not connection.recv(65536).endswith(b"{}"):
                        pass
                    connection.sendall(part)


@pytest.fixture
def canned():
    made = []

    def make(*answers):
        server = Canned(*answers)
        made.append((server, Client(server.url, "agt_x")))
        return made[-1]

    yield make
    for server, client in made:
        client.close()
        server.listener.close()


def answer(status, body=b"{}", *headers):
    lines = [f"HTTP/1.1 {status} Some reason", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refusal(code):
    return b'{"code": "%s", "detail": "because"}' % code.encode()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (answer(401, refusal("revoked")), NotAllowed),
        (answer(404, refusal("not_found")), Final),
        (answer(409, refusal("stale")), Final),
        (answer(426, refusal("upgrade")), UpgradeNeeded),
        (answer(429, refusal("slow_down")), Transient),
        (answer(500, refusal("whatever")), Transient),
        (answer(503, b"<html>"), Transient),
        (answer(401, b"<html>"), Transient),
        (answer(403, b"[1]"), Transient),
        (answer(302, b"", "Location: https://elsewhere.example/"), Transient),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Transient),
        (b"not http at all\r\n\r\n", Transient),
        (b"", Transient),
    ],
)
def test_failures_are_sorted(canned, raw, kind):
    _, client = canned(raw, raw)
    with pytest.raises(kind) as caught:
        client.call("POST", protocol.CLAIM)
    assert type(caught.value) is kind


def test_how_long_to_wait_comes_from_the_server(canned):
    _, client = canned(answer(503, b"", "Retry-After: 17"))
    with pytest.raises(Transient) as caught:
        client.call("POST", protocol.CLAIM)
    assert caught.value.retry_after == 17


def test_an_endless_answer_is_cut_off(canned):
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(protocol.MAX_BODY + 2)
    _, client = canned(endless)
    with pytest.raises(Transient, match="too large"):
        client.call("POST", protocol.CLAIM)


def test_a_connection_is_used_again(canned):
    server, client = canned([answer(200), answer(200)])
    client.call("POST", protocol.CLAIM)
    client.call("POST", protocol.CLAIM)
    assert server.connections == 1


def test_a_connection_that_the_server_closed_is_replaced_in_silence(canned):
    server, client = canned(answer(200), answer(200))
    client.call("POST", protocol.CLAIM)
    client.call("POST", protocol.CLAIM)
    assert server.connections == 2


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1", "http://server.example", "ftp://127.0.0.1", "https://", "https://a@server.example", "x"],
)
def test_addresses_that_are_not_safe_are_refused(url):
    with pytest.raises(ValueError):
        require_safe(url)


@pytest.mark.parametrize(
    "url", ["https://server.example/muster", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost"]
)
def test_addresses_that_are_safe_are_taken(url):
    require_safe(url)


def test_certificates_can_go_unchecked_on_this_host_only():
    require_safe("https://127.0.0.1", insecure_loopback=True)
    with pytest.raises(ValueError):
        require_safe("https://server.example", insecure_loopback=True)


def test_waiting_grows_with_jitter_up_to_a_bound():
    backoff = Backoff(first=1, longest=60)
    waits = [backoff.failed() for _ in range(2000)]
    assert min(waits) >= 0 and max(waits) <= 60
    assert max(waits) > 50 and len(set(waits)) == 2000
    assert backoff.failed(retry_after=100) >= 100
    backoff.worked()
    assert backoff.failed() <= 1


@pytest.fixture
def tls_server(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, encoding = tmp_path / "server.pem", serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = Server(tmp_path, context)
    server.ca_file = tmp_path / "ca.pem"
    server.ca_file.write_bytes(certificate.public_bytes(encoding))
    yield server
    server.close()


def test_an_unknown_certificate_is_refused(tls_server, tmp_path, program):
    host = Host(tmp_path / "work", tls_server, program)
    refused = host.enrol()
    assert refused.returncode == 5 and "CERTIFICATE_VERIFY_FAILED" in refused.stderr
    assert tls_server.agents == {}


@pytest.mark.parametrize("how", ["--ca-file", "--insecure-loopback"])
def test_a_certificate_can_be_named_or_waived_on_this_host(tls_server, tmp_path, program, how):
    host = Host(tmp_path / "work", tls_server, program)
    assert host.enrol(how, *([str(tls_server.ca_file)] if how == "--ca-file" else [])).returncode == 0
    host.start()
    try:
        row = tls_server.command("echo over tls")
        tls_server.wait_for(row, "completed")
    finally:
        host.end()
