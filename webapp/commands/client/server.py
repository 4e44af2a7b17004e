"""The server as the command line sees it: calls, answers, and what a refusal means for the exit code."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from webapp.commands.exits import FAILED, NOT_ALLOWED, NOT_FOUND, UNREACHABLE, USAGE, Exit
from webapp.config import VERSION

PREFIX = "/api/v1"
SECONDS = 90.0  # longer than any answer that waits
TURNS = 3  # how often a call is sent again when the server asks for patience
EXITS = {400: USAGE, 401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 413: USAGE, 415: USAGE, 422: USAGE}
Json = dict[str, Any]


class Refusal(Exit):
    """The server said no; `status` and `problem` say how."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(EXITS.get(status, UNREACHABLE if status >= 500 or status == 429 else FAILED), _told(problem))
        self.status, self.problem = status, problem


class Server:
    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Exit(USAGE, f"{url} is no address of a server. Set MUSTER_URL, like https://muster.example.com")
        self.url, self.token = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", token
        self._parts = parts
        self._line: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def get(self, *path: object, **query: Any) -> Any:
        return json.loads(self.send("GET", path_of(path, query)).read())

    def post(self, *path: object, body: Json | None = None) -> Any:
        """Under a key of its own: sent again after a broken line, it is still done once."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return json.loads(self.send("POST", path_of(path), {} if body is None else body, headers).read())

    def upload(self, *path: object, file: tuple[str, bytes], fields: Json) -> Any:
        """A file and what is said of it, as a form."""
        mark = uuid.uuid4().hex
        headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": f"multipart/form-data; boundary={mark}"}
        return json.loads(self.send("POST", path_of(path), _form(mark, file, fields), headers).read())

    def pieces(self, *path: object, limit: int | None, **query: Any) -> Iterator[Json]:
        """The items of a list, fetched as they are needed."""
        cursor: str | None = None
        while limit is None or limit > 0:
            page = self.get(*path, limit=min(limit or 500, 500), cursor=cursor, **query)
            yield from page["items"]
            limit = None if limit is None else limit - len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def send(
        self, method: str, path: str, body: Json | bytes | None = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """An answer whose body has not been read. Raises Exit with the code and words for whatever went wrong."""
        for turn in range(TURNS):
            answer = self._ask(method, path, body, headers or {}, again=turn == 0)
            wait = int(answer.getheader("Retry-After") or 0)
            if answer.status != 429 or turn == TURNS - 1 or wait > 60:
                break
            answer.read()
            time.sleep(max(wait, 1))
        if answer.status >= 400:
            raise self._refused(answer)
        return answer

    def _ask(
        self, method: str, path: str, body: Json | bytes | None, headers: dict[str, str], again: bool
    ) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"muster/{VERSION}", "Accept": "application/json"} | headers
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        kept = self._line is not None
        try:
            line = self._line = self._line or self._connection()
            line.request(method, f"{self._parts.path.rstrip('/')}{path}", data, headers)
            return line.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            # A kept line may have been closed meanwhile. Asking again is safe: a POST has its key.
            if again and (kept or not isinstance(error, ConnectionRefusedError | TimeoutError | ssl.SSLError)):
                return self._ask(method, path, body, headers, again=False)
            raise self._unreachable(error) from None

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=SECONDS)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _unreachable(self, error: Exception) -> Exit:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Exit(UNREACHABLE, f"The server at {self.url} cannot be reached: {why}. Start it, or set MUSTER_URL")

    def _refused(self, answer: http.client.HTTPResponse) -> Exit:
        try:
            problem = json.loads(answer.read())
            told = "title" in problem
        except (ValueError, TypeError, OSError):
            told = False
        if not told:
            return Exit(UNREACHABLE, f"{self.url} answered {answer.status}, but not as Muster does. Check MUSTER_URL")
        if answer.status == 401:
            how = "The token is not taken" if self.token else "There is no token"
            return Exit(NOT_ALLOWED, f"{how}. Make one with `muster token create`, and set MUSTER_TOKEN")
        return Refusal(answer.status, problem)


def path_of(parts: tuple[object, ...], query: Json | None = None) -> str:
    """/api/v1/tasks/<id>/?wait=30, without what is None."""
    address = "".join(f"/{quote(str(part), safe='')}" for part in parts)
    pairs = [(name, value) for name, value in (query or {}).items() if value is not None]
    return f"{PREFIX}{address}" + (f"?{urlencode(pairs, doseq=True)}" if pairs else "")


def _form(mark: str, file: tuple[str, bytes], fields: Json) -> bytes:
    name, content = file
    texts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()
    ]
    texts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{quote(name)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(texts).encode() + content + f"\r\n--{mark}--\r\n".encode()


def _told(problem: Json) -> str:
    lines = [
        f"{each['field']}: {each['message']}" if each["field"] else each["message"]
        for each in problem.get("errors", [])
    ]
    return "\n".join(lines) or problem.get("detail") or problem["title"]
