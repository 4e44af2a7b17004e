"""What the reference server answers to each request of the protocol, strictly.

It keeps what the promises need (leases, permits, offsets, results) and nothing else. Anything that the protocol does not
allow becomes an `objection`, which fails the test that caused it.
"""

import hashlib
import json
import threading
import uuid
import zlib
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webapp.library.signing import Signing
from workers.agent import protocol as p


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


class Refused(Exception):
    def __init__(self, status, code, headers=None, **more):
        super().__init__(code)
        self.status, self.headers = status, headers or {}
        self.body = p.Refusal(code=code, detail=code, **more).to_json()


class Answers:
    def __init__(self, folder: Path):
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
        self.revoked = self.conflict = False
        self.delivered = []  # task ids, in the order of their last words
        self.objections = []
        self.builds = {}

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


def _lease(headers):
    return p.LeaseRequest(int(headers[p.LEASE_SEQ_HEADER]), headers[p.LEASE_TOKEN_HEADER])
