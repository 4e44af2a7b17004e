"""HTTP to the server: connections kept while they are warm, every answer capped, every failure sorted.

There are four kinds of failure and each caller has an answer to each: `Transient` (try again later), `Final`
(never again, with the server's reason), `NotAllowed` (stop the agent), `UpgradeNeeded` (no new tasks).
"""

import http.client
import ipaddress
import json
import random
import select
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple, Optional

from . import protocol
from .protocol import BadMessage, Message, Refusal

CONNECT_S, ANSWER_S = 10, 30
WARM_S = 5  # a fleet that asks less often must not hold the server's connections in between
_KEPT = 2  # idle agents hold no more than this
_PART = 64 * 1024


class Trouble(Exception):
    def __init__(self, text: str, refusal: Optional[Refusal] = None, retry_after: Optional[float] = None) -> None:
        super().__init__(text)
        self.refusal = refusal or Refusal(code="", detail=text)
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        return self.refusal.code


class Transient(Trouble):
    pass


class Final(Trouble):
    def __init__(self, status: int, refusal: Refusal, log_size: Optional[int] = None) -> None:
        super().__init__(f"{status} {refusal.code}: {refusal.detail}", refusal)
        self.status, self.log_size = status, log_size


class NotAllowed(Trouble):
    pass


class UpgradeNeeded(Transient):
    """All that waits goes on waiting, until the program was replaced."""


class Reply(NamedTuple):
    status: int
    headers: Any
    body: Any

    @property
    def cancels(self) -> bool:
        return self.headers.get(protocol.CANCEL_HEADER) == "1"

    @property
    def log_size(self) -> Optional[int]:
        return _number(self.headers.get(protocol.LOG_SIZE_HEADER))


class Client:
    def __init__(
        self, server: str, credential: str = "", ca_file: Optional[str] = None, insecure_loopback: bool = False
    ) -> None:
        self._factory = _factory(server, ca_file, insecure_loopback)
        self._prefix = urllib.parse.urlsplit(server).path.rstrip("/")
        self.credential, self.instance_id = credential, ""
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []
        self._lock = threading.Lock()

    def call(self, method: str, path: str, message: Optional[Message] = None, timeout: float = ANSWER_S) -> Reply:
        body = json.dumps(message.to_json() if message else {}, allow_nan=False).encode()
        if len(body) > protocol.MAX_BODY:
            raise Final(413, Refusal(protocol.Code.TOO_LARGE, "the message is too large"))
        return self.send(method, path, body, {"Content-Type": "application/json"}, timeout)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float = ANSWER_S) -> Reply:
        used = self.credential
        try:
            return self._send(method, path, body, headers, timeout)
        except NotAllowed as error:
            if used == self.credential:
                raise
            raise Transient("the credential was renewed meanwhile") from error

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Reply:
        response, connection = self._request(method, path, body, headers, timeout)
        try:
            content = _read(response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Transient(f"the answer broke off: {error}") from error
        if len(content) > protocol.MAX_BODY or response.length:
            connection.close()
            raise Transient("the answer is too large" if len(content) > protocol.MAX_BODY else "the answer broke off")
        self._keep(connection, response)
        return _sorted(response, content)

    def fetch(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a download from `offset` on."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response, connection = self._request("GET", path, b"", headers, ANSWER_S)
        try:
            if response.status != (206 if offset else 200):
                _sorted(response, response.read(_PART))
                raise Transient(f"{response.status} is no answer to a download")
            while True:
                part = response.read(_PART)
                if not part:
                    break
                yield part
            if response.length:
                raise Transient("the download broke off")
        except (OSError, http.client.HTTPException) as error:
            raise Transient(f"the download broke off: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """The connections that nobody uses right now."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _request(
        self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        headers = {
            **headers,
            protocol.PROTOCOL_HEADER: str(protocol.PROTOCOL),
            "Accept": "application/json",
            "User-Agent": "muster-agent/" + protocol.VERSION,
        }
        if self.instance_id:
            headers[protocol.INSTANCE_HEADER] = self.instance_id
        if self.credential:
            headers["Authorization"] = "Bearer " + self.credential
        rewindable = not hasattr(body, "read")
        connection, used = self._connection() if rewindable else (self._factory(), False)
        try:
            return self._exchange(connection, method, path, body, headers, timeout, rewindable), connection
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            connection.close()
            if not used:
                raise Transient(f"the connection broke: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Transient(f"{type(error).__name__}: {error}") from error
        # A kept connection may end just as it is used again; every request may be repeated.
        self.close()
        return self._request(method, path, body, headers, timeout)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str],
        timeout: float, rewindable: bool,
    ) -> http.client.HTTPResponse:  # fmt: skip
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(timeout)
        try:
            connection.request(method, self._prefix + path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            if rewindable:
                raise
            # A server that refuses a large body answers and closes before it has read all of it.
        return connection.getresponse()

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        while True:
            with self._lock:
                if not self._idle:
                    return self._factory(), False
                connection, since = self._idle.pop()
            if time.monotonic() - since < WARM_S and not _readable(connection):
                return connection, True
            connection.close()

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        with self._lock:
            if not response.will_close and len(self._idle) < _KEPT:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()


class Backoff:
    """Full jitter: the whole fleet does not come back in the same second."""

    def __init__(self, first: float = 1, longest: float = 60) -> None:
        self.first, self.longest, self.failures = first, longest, 0

    def failed(self, retry_after: Optional[float] = None) -> float:
        """How long to wait before the next try."""
        ceiling = min(self.longest, self.first * 2 ** min(self.failures, 10))
        self.failures += 1
        return (retry_after or 0) + random.uniform(0, ceiling)

    def worked(self) -> None:
        self.failures = 0


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_safe(url: str, insecure_loopback: bool = False) -> urllib.parse.SplitResult:
    """TLS, and checked, wherever the traffic leaves this host."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"{url!r} is not the address of a server")
    if not is_loopback(parts.hostname):
        if parts.scheme != "https":
            raise ValueError("plain http is for servers on this host; use https")
        if insecure_loopback:
            raise ValueError("--insecure-loopback is for servers on this host")
    return parts


def connect(url: str, ca_file: Optional[str], insecure_loopback: bool) -> http.client.HTTPConnection:
    """A connection of its own, for what does not fit into question and answer."""
    return _factory(url, ca_file, insecure_loopback)()


def _factory(url: str, ca_file: Optional[str], insecure_loopback: bool) -> Callable[[], http.client.HTTPConnection]:
    parts = require_safe(url, insecure_loopback)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return lambda: http.client.HTTPConnection(host, port, timeout=CONNECT_S)
    context = ssl.create_default_context(cafile=ca_file)
    if insecure_loopback:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return lambda: http.client.HTTPSConnection(host, port, timeout=CONNECT_S, context=context)


def _read(response: http.client.HTTPResponse) -> bytes:
    """Part by part: asked for all at once, older Pythons take the room for the largest answer."""
    content = b""
    while len(content) <= protocol.MAX_BODY:
        part = response.read(_PART)
        if not part:
            break
        content += part
    return content


def _sorted(response: http.client.HTTPResponse, content: bytes) -> Reply:
    status, headers = response.status, response.headers
    body = _json(content)
    if status < 300:
        return Reply(status, headers, body)
    refusal = _refusal(body)
    retry_after = _number(headers.get("Retry-After")) or (refusal.retry_after_s if refusal else None)
    if refusal is None or status in (408, 425, 429) or status >= 500:
        text = f"{status} {response.reason}" if refusal is None else f"{status} {refusal.code}: {refusal.detail}"
        raise Transient(text, refusal, retry_after)
    if status == 401:
        raise NotAllowed(refusal.detail or refusal.code, refusal)
    if status == 426:
        raise UpgradeNeeded(refusal.detail or refusal.code, refusal)
    raise Final(status, refusal, _number(headers.get(protocol.LOG_SIZE_HEADER)))


def _refusal(body: Any) -> Optional[Refusal]:
    try:
        return Refusal.from_json(body)
    except BadMessage:
        return None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and text.isdigit() and len(text) < 19 else None


def _readable(connection: http.client.HTTPConnection) -> bool:
    """An idle connection that has something to read was closed by the other side."""
    if connection.sock is None:
        return True
    poller = select.poll()
    poller.register(connection.sock, select.POLLIN)
    return bool(poller.poll(0))
