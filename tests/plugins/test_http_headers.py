import socket
import ssl
import threading

import pytest

from tests.plugins.conftest import issue

SAFE = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=()"),
]


def test_headers_and_missing_ones_are_told(run, http_server):
    http_server.pages["/"] = (200, [("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    ran = run("http_headers", f"http://{http_server.address}/")
    assert ran.code == 0, ran.stderr
    url = ran.fields("url")[0]
    assert (url["status"], url["content_type"]) == (200, "text/html") and url["server"].startswith("BaseHTTP")
    assert url["missing_headers"] == [
        "content-security-policy", "permissions-policy", "referrer-policy", "x-content-type-options", "x-frame-options",
    ]  # fmt: skip
    headers = {fields["name"]: fields["value"] for fields in ran.fields("http_header")}
    assert headers["content-type"] == "text/html" and headers["set-cookie"] == "a=1\nb=2"
    assert ran.of("file")[0]["type"] == "http" and '"set-cookie"' in ran.file("answers.json")


def test_a_safe_site_misses_nothing(run, http_server):
    http_server.pages["/"] = (200, SAFE)
    ran = run("http_headers", f"http://{http_server.address}/")
    assert ran.fields("url")[0]["missing_headers"] == [] and "none" in ran.stdout.splitlines()[-1]


def test_redirects_are_followed(run, http_server):
    http_server.pages |= {"/": (302, [("Location", "/next?a=1")]), "/next?a=1": (200, SAFE)}
    ran = run("http_headers", f"http://{http_server.address}/")
    first, last = ran.fields("url")
    assert first["redirects_to"] == last["url"] == f"http://{http_server.address}/next?a=1"
    assert "missing_headers" not in first and ran.result["answers"][0]["final"] == last["url"]


@pytest.mark.parametrize(("redirects", "asked"), [(0, 1), (2, 3)])
def test_redirects_are_followed_as_far_as_asked(run, http_server, redirects, asked):
    http_server.pages |= {f"/{n}": (301, [("Location", f"/{n + 1}")]) for n in range(9)}
    ran = run("http_headers", f"http://{http_server.address}/0", kwargs={"redirects": redirects})
    assert len(ran.fields("url")) == asked


@pytest.mark.parametrize("location", ["/", "ftp://example.com/", "http://[", "http://127.0.0.1:1/"])
def test_a_redirect_that_leads_nowhere_ends_the_walk(run, http_server, location):
    http_server.pages["/"] = (302, [("Location", location)])
    ran = run("http_headers", f"http://{http_server.address}/")
    assert ran.code == 0 and len(http_server.hosts) == 1 and ran.stderr


def test_the_name_asked_for_stays_when_connecting_elsewhere(run, http_server):
    http_server.pages["/"] = (204, [])
    ran = run("http_headers", "www.example.com", kwargs={"schemes": "http", "connect_to": http_server.address})
    assert ran.keys("url") == ["internet|http://www.example.com/"] and http_server.hosts == ["www.example.com"]
    assert ran.fields("url")[0]["hostname"] == "www.example.com"


def test_head_is_asked_when_wanted(run, http_server):
    http_server.pages["/"] = (200, SAFE)
    assert run("http_headers", http_server.address, kwargs={"method": "HEAD", "schemes": "http"}).code == 0


def test_one_scheme_that_answers_is_enough(run, http_server):
    ran = run("http_headers", http_server.address)
    assert ran.code == 0 and [fields["status"] for fields in ran.fields("url")] == [404]
    assert "does not speak TLS" in ran.stderr


@pytest.fixture
def https_server(http_server, tmp_path):
    issued = issue("secure.example", days=(-9, -1))  # expired: its headers are of interest all the same
    from cryptography.hazmat.primitives import serialization

    key = issued.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "site.pem").write_text(issued.pem + key.decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "site.pem")
    http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
    return http_server


def test_https_is_asked_with_any_certificate(run, https_server):
    https_server.pages["/"] = (200, SAFE)
    ran = run("http_headers", "https://secure.example", kwargs={"connect_to": https_server.address})
    assert ran.fields("url")[0]["missing_headers"] == ["strict-transport-security"]


def test_who_does_not_speak_http_is_a_network_error(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_talk_nonsense, args=(server,))
        thread.start()
        ran = run("http_headers", f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert ran.error["reason"] == "network_error" and "does not answer with HTTP" in ran.error["text"]


def _talk_nonsense(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-nonsense\r\n\r\n")


def test_who_cannot_be_reached_is_a_network_error(run):
    assert run("http_headers", "http://127.0.0.1:1/").error["reason"] == "network_error"


@pytest.mark.parametrize("given", ["ftp://example.com", "a b", 5])
def test_what_is_no_site_is_refused(run, given):
    assert run("http_headers", given).error["reason"] == "invalid_input"
