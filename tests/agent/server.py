"""A small server that speaks the agent protocol strictly, over real HTTP, and fails on request.

It keeps what the promise needs (leases, permits, offsets, results) and nothing else; anything that the protocol
does not allow is an `objection`, which fails the test that caused it.
"""

import hashlib
import json
import threading
import time
import uuid
import zlib
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from webapp.library.signing import Signing
from workers.agent import protocol as p

PATIENCE = 60


@dataclass
class Row:
    id: str
    type: str
    data: dict
    options: dict
    secrets: dict
    manifest: dict | None
    download: str | None
    sign: bool
    state: str = "pending"
    lease_seq: int = 0
    token: str = ""
    logs: dict = field(default_factory=lambda: {name: bytearray() for name in p.STREAMS})
    history: list = field(default_factory=lambda: ["pending"])
    result: dict | None = None
    fail: dict | None = None
    ended: dict | None = None  # the acknowledgement of a cancel
    artifacts: dict = field(default_factory=dict)
    cancel: bool = False
    frozen: bool = False
    late: bool = False

    def move(self, state):
        self.state = state
        self.history.append(state)


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


class Refused(Exception):
    def __init__(self, status, code, headers=None, **more):
        super().__init__(code)
        self.status, self.headers = status, headers or {}
        self.body = p.Refusal(code=code, detail=code, **more).to_json()


class Server:
    def __init__(self, folder: Path, tls=None):
        self.signing = Signing(folder / "signing.key")
        self.changed = threading.Condition()
        self.tokens = {"enr_good": 100}
        self.agents = {}  # id → credentials that are good
        self.install_ids = {}
        self.tasks: dict[str, Row] = {}
        self.claims = {}
        self.beats = []
        self.commands, self.drop = deque(), []
        self.settings = p.Settings(log_interval_ms=50)
        self.interval_s, self.claim_interval_s = 0.2, 0.1
        self.wake = None
        self.trust_news = None
        self.revoked = self.conflict = False
        self.delivered = []  # task ids, in the order of their last words
        self.requests = []
        self.objections = []
        self.faults: list[Fault] = []
        self.builds = {}
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

    def _agent(self, headers):
        scheme, _, credential = headers.get("Authorization", "").partition(" ")
        for agent_id, good in self.agents.items():
            if scheme == "Bearer" and credential in good and not self.revoked:
                if credential == good[-1]:
                    del good[:-1]
                return agent_id
        raise Refused(401, p.Code.REVOKED)

    def _enrol(self, _, *, body, **__):
        asked = p.EnrolRequest.from_json(json.loads(body))
        if self.tokens.get(asked.token, 0) < 1:
            raise Refused(401, p.Code.TOKEN_REFUSED)
        agent_id = self.install_ids.setdefault(asked.install_id, uuid.uuid4().hex)
        credential = f"agt_{agent_id[:8]}_{uuid.uuid4().hex}"
        self.agents[agent_id] = [credential]
        return 201, {}, p.EnrolReply(agent_id, credential, self.signing.bundle(now()), 1, 15, stamp(), "acme").to_json()

    def _rotate(self, agent, **_):
        credential = "agt_" + uuid.uuid4().hex
        self.agents[agent].append(credential)
        return 200, {}, p.RotateReply(credential).to_json()

    def _unenrol(self, agent, **_):
        del self.agents[agent]
        return 204, {}, None

    def _heartbeat(self, agent, *, body, **_):
        beat = p.HeartbeatRequest.from_json(json.loads(body))
        if self.conflict:
            raise Refused(409, p.Code.SESSION_CONFLICT)
        before = [old.seq for old in self.beats if old.instance_id == beat.instance_id]
        if before and beat.seq <= before[-1]:
            self.objections.append("heartbeat: the seq did not grow")
        self.beats.append(beat)
        commands = [p.Command.from_json(self.commands.popleft()) for _ in range(len(self.commands))]
        reply = p.HeartbeatReply(
            stamp(), commands, list(self.drop), self.interval_s, self.claim_interval_s, self.wake, self.settings
        )
        return 200, {}, reply.to_json()

    def _claim(self, agent, *, body, **_):
        asked = p.ClaimRequest.from_json(json.loads(body))
        if asked.spool:
            raise Refused(409, p.Code.DRAIN_FIRST)
        if asked.claim_id not in self.claims:
            rows = [row for row in self.tasks.values() if row.state == "pending"][: asked.max]
            self.claims[asked.claim_id] = [self._leased(agent, row) for row in rows]
        tasks = self.claims[asked.claim_id]
        return (200, {}, {"tasks": tasks}) if tasks else (204, {}, None)

    def _leased(self, agent, row):
        row.lease_seq += 1
        row.token = uuid.uuid4().hex
        row.move("assigned")
        task = p.ClaimedTask(
            row.id, row.lease_seq, row.token, row.type, row.data, p.TaskOptions(**row.options), "acme", row.secrets,
            row.manifest, row.download,
        ).to_json()  # fmt: skip
        if row.sign:
            task["command_signature"] = self.signing.sign_command(
                p.command_of(task), task_id=row.id, lease_seq=row.lease_seq, agent_id=agent,
                expires_at=now() + timedelta(minutes=10),
            )  # fmt: skip
        return task

    def _status(self, agent, task_id, *, body, **_):
        message = p.StatusRequest.from_json(json.loads(body))
        row = self._row(task_id, message, "assigned", "downloading", "executing")
        row.move(message.state)
        return 200, self._cancels(row), {}

    def _start(self, agent, task_id, *, body, **_):
        row = self._row(task_id, p.LeaseRequest.from_json(json.loads(body)), "assigned", "downloading", "executing")
        if row.state != "executing":
            if row.cancel:
                row.move("cancelled")
                raise Refused(409, p.Code.CANCELLED)
            if row.frozen:
                raise Refused(409, p.Code.FROZEN)
            row.move("executing")
        return 200, self._cancels(row), p.StartReply(420).to_json()

    def _give_back(self, agent, task_id, *, body, **_):
        row = self._row(task_id, p.LeaseRequest.from_json(json.loads(body)), "assigned", "downloading")
        row.token = ""
        row.move("pending")
        return 200, {}, {}

    def _log(self, agent, task_id, *, query, headers, body):
        row = self._row(task_id, _lease(headers), "executing", "reporting")
        log = row.logs[query["stream"][0]]
        size = {p.LOG_SIZE_HEADER: str(len(log)), **self._cancels(row)}
        place = headers["Content-Range"].removeprefix("bytes ").removesuffix("/*")
        if len(body) > p.MAX_CHUNK:
            raise Refused(413, p.Code.TOO_LARGE)
        if headers[p.CHUNK_CRC_HEADER] != f"{zlib.crc32(body):08x}":
            self.objections.append("log: the checksum is wrong")
        if place == "*":
            return 202, size, None
        first, last = map(int, place.split("-"))
        if last - first + 1 != len(body):
            self.objections.append("log: the range is not the body's")
        if first > len(log):
            raise Refused(416, p.Code.BAD_RANGE, size)
        known = len(log) - first
        if log[first:] != body[:known][: len(log[first:])]:
            raise Refused(409, p.Code.DIFFERENT, size)
        log += body[known:]
        return 202, {**size, p.LOG_SIZE_HEADER: str(len(log))}, None

    def _artifacts(self, agent, task_id, number, *, query, headers, body):
        row = self._row(task_id, _lease(headers), "executing", "reporting")
        if hashlib.sha256(body).hexdigest() != headers[p.SHA256_HEADER]:
            raise Refused(422, p.Code.BAD_MESSAGE)
        row.artifacts[int(number)] = (query["name"][0], query.get("type", [""])[0], body)
        return 201, {}, {}

    def _result(self, agent, task_id, *, body, **_):
        raw = json.loads(body)
        message = p.ResultRequest.from_json(raw)
        row = self.tasks.get(task_id)
        if row is None:
            raise Refused(404, p.Code.NOT_FOUND)
        if row.result is not None:
            if row.result != raw:
                raise Refused(409, p.Code.DIFFERENT)
            return 200, {}, {"accepted": "late" if row.late else True}
        if row.token != message.token or row.state not in ("executing", "reporting"):
            row.late, row.result = True, raw
            self.delivered.append(task_id)
            return 200, {}, {"accepted": "late"}
        missing = {name: len(log) for name, log in row.logs.items() if len(log) != message.sizes[name]}
        if missing:
            raise Refused(412, p.Code.INCOMPLETE, missing=missing)
        if {name: hashlib.sha256(log).hexdigest() for name, log in row.logs.items()} != message.sha256:
            self.objections.append("result: the output is not what was hashed")
        row.result = raw
        self.delivered.append(task_id)
        row.move("completed" if message.exit_code == 0 else "failed")
        return 200, {}, {"accepted": True}

    def _fail(self, agent, task_id, *, body, **_):
        row = self._row(task_id, p.FailRequest.from_json(json.loads(body)), "assigned", "downloading", "executing")
        row.fail = json.loads(body)
        self.delivered.append(task_id)
        row.move("failed")
        return 200, {}, {}

    def _cancelled(self, agent, task_id, *, body, **_):
        row = self._row(task_id, p.CancelledRequest.from_json(json.loads(body)), "executing", "reporting")
        row.ended = json.loads(body)
        self.delivered.append(task_id)
        row.move("terminated")
        return 200, {}, {}

    def _downloads(self, agent, build, *, headers, **_):
        content = self.builds.get(build)
        if content is None:
            raise Refused(404, p.Code.NOT_FOUND)
        start = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        return (206 if start else 200), {}, content[start:]

    def _row(self, task_id, lease, *states):
        row = self.tasks.get(task_id)
        if row is None:
            raise Refused(404, p.Code.NOT_FOUND)
        if row.token != lease.token or row.lease_seq != lease.lease_seq or row.state not in states:
            raise Refused(409, p.Code.STALE)
        return row

    def _cancels(self, row):
        return {p.CANCEL_HEADER: "1"} if row.cancel else {}


def now():
    return datetime.now(UTC)


def stamp():
    return now().isoformat().replace("+00:00", "Z")


def _verb(path):
    parts = path.removeprefix(p.BASE + "/").split("/")
    if parts[0] == "tasks":
        return parts[2], [parts[1], *parts[3:]]
    if parts[0] == "credential":
        return parts[1], []
    return parts[0], parts[1:]


def _lease(headers):
    return p.LeaseRequest(int(headers[p.LEASE_SEQ_HEADER]), headers[p.LEASE_TOKEN_HEADER])


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
