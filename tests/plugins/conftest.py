"""Real parts for plugins: their own process, and servers of each kind on loopback."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from webapp.plugins.journal import read_events

ROOT = Path(__file__).parents[2]


@dataclass
class Ran:
    code: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]]
    task_dir: Path

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def keys(self, type: str) -> list[str]:
        return [event["key"] for event in self.of("object") if event["type"] == type]

    def fields(self, type: str) -> list[dict[str, Any]]:
        return [event["fields"] for event in self.of("object") if event["type"] == type]

    @property
    def error(self) -> dict[str, Any]:
        return self.of("error")[0]

    @property
    def result(self) -> Any:
        return self.of("result")[0]["data"]

    def file(self, name: str) -> str:
        return (self.task_dir / "out" / name).read_text("utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a call in a process of its own, as a task does. `limits` run in that process first."""

    def run(plugin_id: str, input_data: Any = None, *, limits: Callable[[], None] | None = None, **call: Any) -> Ran:
        task_dir = tmp_path / f"task-{len(list(tmp_path.glob('task-*')))}"
        task_dir.mkdir()
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-m", "webapp.plugins.execute", str(task_dir)],
            input=json.dumps({"plugin_id": plugin_id, "input_data": input_data, **call}),
            text=True,
            encoding="utf-8",
            capture_output=True,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            cwd=task_dir,
            preexec_fn=limits,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr, read_events(task_dir, limit=100_000)[0], task_dir)

    return run


@pytest.fixture
def plugins(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file into a plugins folder and returns its location."""

    def write(name: str, source: str) -> str:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(source, "utf-8")
        return f"file:{folder / name}"

    return write


def both_on_one_port() -> tuple[socket.socket, socket.socket]:
    """A port that is free for one may be somebody else's for the other."""
    while True:
        tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
            return tcp, udp
        except OSError:
            tcp.close()
            udp.close()


class DnsServer:
    """Answers from `zone`, {(name, type): [text, …]}; over UDP and TCP, on one port."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.rcode: dict[str, int] = {}
        self.tcp, self.udp = both_on_one_port()
        self.address = f"127.0.0.1:{self.udp.getsockname()[1]}"

    def answer(self, wire: bytes, limit: int) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        response.set_rcode(dns.rcode.Rcode(self.rcode.get(kind, self._rcode(name))))
        while alias := self.zone.get((name, "CNAME")):
            response.answer.append(dns.rrset.from_text(name + ".", 300, "IN", "CNAME", *alias))
            if kind == "CNAME":
                break
            name = alias[0].rstrip(".")
        if kind != "CNAME" and (texts := self.zone.get((name, kind))):
            response.answer.append(dns.rrset.from_text(name + ".", 300, "IN", kind, *texts))
        full = response.to_wire(max_size=65535)
        if len(full) <= limit:
            return full
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()

    def _rcode(self, name: str) -> int:
        return dns.rcode.NOERROR if any(owner == name for owner, _ in self.zone) else dns.rcode.NXDOMAIN

    def serve_udp(self) -> None:
        while True:
            try:
                wire, sender = self.udp.recvfrom(65535)
            except OSError:
                return
            if wire:
                self.udp.sendto(self.answer(wire, 512), sender)

    def serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                if size := stream.read(2):
                    wire = self.answer(stream.read(int.from_bytes(size, "big")), 65535)
                    connection.sendall(len(wire).to_bytes(2, "big") + wire)

    def close(self) -> None:
        # shutdown wakes the threads; on an unconnected UDP socket it does so and still complains.
        for each in (self.udp, self.tcp):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


@pytest.fixture
def dns_server() -> Iterator[DnsServer]:
    server = DnsServer()
    threads = [threading.Thread(target=server.serve_udp), threading.Thread(target=server.serve_tcp)]
    for thread in threads:
        thread.start()
    yield server
    server.close()
    for thread in threads:
        thread.join()


@dataclass
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def issue(name: str, issuer: Issued | None = None, *, days: tuple[int, int] = (-1, 30), ca: bool = False) -> Issued:
    """A certificate for a name and 127.0.0.1, valid between two days from now."""
    now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer or Issued(None, key)  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days[0]))
        .not_valid_after(now + timedelta(days[1]))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    if ca:
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    return Issued(builder.sign(signer.key, hashes.SHA256()), key)


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Serves a chain on a port of its own, which it returns; every client gets a handshake and an end."""
    listening: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(leaf: Issued, *chain: Issued) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = tmp_path / f"chain-{len(listening)}.pem"
        key = leaf.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem.write_text("".join(each.pem for each in (leaf, *chain)) + key.decode())
        context.load_cert_chain(pem)
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)
        threads.append(threading.Thread(target=_shake_hands, args=(server, context)))
        threads[-1].start()
        return int(server.getsockname()[1])

    yield serve
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join()


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
        except OSError:
            connection.close()  # a client that refuses the certificate hangs up


class Site(BaseHTTPRequestHandler):
    """Answers each path with what `pages` has: (status, headers)."""

    pages: dict[str, tuple[int, list[tuple[str, str]]]]

    def do_GET(self) -> None:
        status, headers = self.pages.get(self.path, (404, []))
        self.send_response(status)
        self.server.hosts.append(self.headers["Host"])  # type: ignore[attr-defined]
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def http_server() -> Iterator[Any]:
    """A web server with `pages` to fill, the `hosts` it was asked for, and its `address`."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Site,), {"pages": {}}))
    server.pages, server.hosts = server.RequestHandlerClass.pages, []
    server.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
