"""The reference server: `answers.py` over real HTTP, with faults on request and ways for a test to wait."""

import json
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.agent.answers import Answers, Refused, Row
from workers.agent import protocol as p

PATIENCE = 60


@dataclass
class Fault:
    verb: str
    kind: str  # lose (done, but no answer), break (half an answer), status, hold, duplicate
    times: int
    status: int = 500
    code: str = ""  # of a refusal; without one the answer is not Muster's
    headers: dict = field(default_factory=dict)
    release: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


class Server(Answers):
    def __init__(self, folder: Path, tls=None):
        super().__init__(folder)
        self.requests = []
        self.faults: list[Fault] = []
        self.http = _Http(("127.0.0.1", 0), _handler(self))
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        for fault in self.faults:
            fault.release.set()
        self.http.shutdown()
        self.http.server_close()

    # --- for tests ----------------------------------------------------------------------------

    def add(self, type="execute_command", data=None, *, secrets=None, manifest=None, download=None, sign=True, **more):
        """`more` are the task's options."""
        row = Row(str(uuid.uuid4()), type, data or {}, more, secrets or {}, manifest, download, sign)
        with self.changed:
            self.tasks[row.id] = row
        return row

    def command(self, text, **options):
        return self.add(data={"command": text}, **options)

    def wait(self, what, why=""):
        with self.changed:
            assert self.changed.wait_for(what, PATIENCE), why or "it did not happen"

    def wait_for(self, row, *states):
        self.wait(lambda: row.state in states, f"{row.history} and not yet {states}")

    def wait_for_beats(self, count):
        until = len(self.beats) + count
        self.wait(lambda: len(self.beats) > until)

    def give_up(self, row):
        """The lease has ended; an old answer must not bring it back."""
        row.token = ""
        row.move("pending")
        for claim_id, tasks in list(self.claims.items()):
            if row.id in [task["task_id"] for task in tasks]:
                del self.claims[claim_id]

    def cancel(self, row):
        with self.changed:
            row.cancel = True
            self.commands.append({"kind": "cancel", "task_id": row.id})

    @contextmanager
    def failing(self, verb, kind="status", times=10**9, **more):
        """While the block lasts, requests of that verb (`*`: all) fail."""
        fault = Fault(verb, kind, times, **more)
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)
            fault.release.set()

    def asked(self, verb):
        return [request for request in self.requests if request[0] == verb]

    # --- the protocol -------------------------------------------------------------------------

    def answer(self, method, path, query, headers, body):
        verb, args = _verb(path)
        self.requests.append((verb, time.monotonic()))
        fault = self._fault(verb)
        if fault and fault.kind == "hold":
            fault.reached.set()
            fault.release.wait(PATIENCE)
        if fault and fault.kind == "status":
            fault.reached.set()
            return fault.status, fault.headers, json.dumps({"code": fault.code}).encode() if fault.code else b""
        if fault and fault.kind == "duplicate":
            self._done(verb, args, query, headers, body)
        status, more, raw = self._done(verb, args, query, headers, body)
        if fault and fault.kind == "break":
            return status, {**more, "Content-Length": str(len(raw))}, raw[: len(raw) // 2]
        if fault and fault.kind == "lose":
            fault.reached.set()
            return None
        return status, more, raw

    def _fault(self, verb):
        for fault in self.faults:
            if fault.verb in (verb, "*") and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _done(self, verb, args, query, headers, body):
        with self.changed:
            try:
                act = getattr(self, "_" + verb, None)
                if act is None:
                    raise Refused(404, p.Code.NOT_FOUND)
                agent = None if verb == "enrol" else self._agent(headers)
                status, more, value = act(agent, *args, query=query, headers=headers, body=body)
            except Refused as refused:
                status, more, value = refused.status, refused.headers, refused.body
            except p.BadMessage as error:
                self.objections.append(f"{verb}: {error}")
                status, more, value = 422, {}, p.Refusal(p.Code.BAD_MESSAGE, str(error)).to_json()
            finally:
                self.changed.notify_all()
        raw = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        return status, more, raw


def _verb(path):
    parts = path.removeprefix(p.BASE + "/").split("/")
    if parts[0] == "tasks":
        return parts[2], [parts[1], *parts[3:]]
    if parts[0] == "credential":
        return parts[1], []
    return parts[0], parts[1:]


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Agents are killed in the middle of requests; that is what these tests are for."""


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE

        def _handle(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            answer = server.answer(self.command, parts.path, parse_qs(parts.query), self.headers, body)
            if answer is None:
                self.close_connection = True
                return
            status, headers, raw = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204 and "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(b"" if status == 204 else raw)
            if headers.get("Content-Length", str(len(raw))) != str(len(raw)):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = _handle

        def log_message(self, *args):
            pass

    return Handler
