import socket
import threading

import pytest
from cryptography.hazmat.primitives import hashes

from tests.plugins.conftest import issue


@pytest.fixture(scope="module")
def authority():
    return issue("Test Authority", ca=True)


def test_a_chain_is_described(run, tls_server, authority):
    leaf = issue("www.example.com", authority)
    port = tls_server(leaf, authority)
    ran = run("tls_certificate", "www.example.com", kwargs={"connect_to": f"127.0.0.1:{port}"})
    assert ran.code == 0, ran.stderr
    fingerprint = leaf.certificate.fingerprint(hashes.SHA256()).hex()
    first, second = ran.fields("certificate")
    assert first["fingerprint"] == fingerprint and first["names"] == ["www.example.com", "127.0.0.1"]
    assert (first["key_type"], first["key_bits"], first["signature_algorithm"]) == ("EC", 256, "sha256")
    assert (first["self_signed"], first["ca"], second["self_signed"], second["ca"]) == (False, False, True, True)
    assert first["not_after"] == leaf.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ran.file("chain.pem") == leaf.pem + authority.pem and ran.of("file")[0]["type"] == "pem"


def test_the_port_knows_its_certificate_and_protocol(run, tls_server, authority):
    port = tls_server(issue("www.example.com", authority), authority)
    ran = run("tls_certificate", f"127.0.0.1:{port}")
    assert ran.keys("ipport") == [f"internet|127.0.0.1|tcp|{port}"]
    fields = ran.fields("ipport")[0]
    assert fields["tls_version"] == "TLSv1.3" and fields["tls_cipher"].startswith("TLS_")
    assert fields["certificate"] == ran.fields("certificate")[0]["fingerprint"]


def test_a_chain_to_a_known_authority_is_trusted(run, tls_server, authority):
    port = tls_server(issue("www.example.com", authority), authority)
    call = {"kwargs": {"connect_to": f"127.0.0.1:{port}"}, "settings": {"authorities": authority.pem}}
    assert run("tls_certificate", "www.example.com", **call).result["trusted"] is True
    other = run("tls_certificate", "other.example", **call).result
    assert other["trusted"] is False and "Hostname mismatch" in other["error"]


def test_an_expired_certificate_is_described_and_not_trusted(run, tls_server, authority):
    port = tls_server(issue("www.example.com", authority, days=(-30, -1)), authority)
    call = {"kwargs": {"connect_to": f"127.0.0.1:{port}"}, "settings": {"authorities": authority.pem}}
    ran = run("tls_certificate", "www.example.com", **call)
    assert ran.code == 0 and ran.result["error"] == "certificate has expired"
    assert ran.fields("ipport")[0]["tls_trusted"] is False and len(ran.fields("certificate")) == 2


def test_a_certificate_of_its_own_making_is_described(run, tls_server):
    port = tls_server(issue("127.0.0.1.example"))
    ran = run("tls_certificate", f"localhost:{port}")
    assert "self-signed certificate" in ran.result["error"] and ran.fields("certificate")[0]["self_signed"] is True


def test_a_port_that_is_closed_is_a_network_error(run):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ran = run("tls_certificate", "127.0.0.1", kwargs={"port": bound.getsockname()[1]})
    assert ran.error["reason"] == "network_error" and "cannot be reached" in ran.error["text"]


def test_a_service_without_tls_is_a_network_error(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_say_hello, args=(server,))
        thread.start()
        ran = run("tls_certificate", f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert ran.error["reason"] == "network_error" and "does not speak TLS" in ran.error["text"]


def _say_hello(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 hello, this is no TLS\r\n")
        connection.recv(4096)


def test_a_silent_service_is_a_network_error(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        call = {"kwargs": {"timeout": 0.2}}
        ran = run("tls_certificate", f"127.0.0.1:{server.getsockname()[1]}", **call)
    assert ran.error["reason"] == "network_error"


@pytest.mark.parametrize(
    "call",
    [
        {"kwargs": {"server_name": "not a name"}},
        {"kwargs": {"connect_to": "nowhere"}},
        {"kwargs": {"port": 0}},
        {"settings": {"authorities": "no PEM"}},
    ],
)
def test_wrong_parameters_are_refused(run, tls_server, call):
    port = tls_server(issue("a.example"))
    ran = run("tls_certificate", f"127.0.0.1:{port}", **call)
    assert ran.error["reason"] == "invalid_input"
