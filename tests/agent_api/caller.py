"""An agent as the server sees one: what it sends, without the program that sends it."""

from __future__ import annotations

import hashlib
import zlib
from itertools import count
from typing import Any
from uuid import uuid4

from werkzeug.test import TestResponse

from tests.browser import Browser
from webapp import clock
from workers.agent import protocol as p

numbers = count(1)
CAPABILITIES = list(p.TYPES)


class Caller:
    def __init__(self, client: Browser, credential: str = "", agent_id: str = "") -> None:
        self.client, self.credential, self.agent_id = client, credential, agent_id
        self.instance_id, self.seq = uuid4().hex, 0
        self.trust: dict[str, int] = {}
        self.heard: dict[str, str] = {}  # by instance: the server's time in the last answer that it got

    def call(self, method: str, path: str, message: Any = None, **options: Any) -> TestResponse:
        headers = {p.PROTOCOL_HEADER: "1", p.INSTANCE_HEADER: self.instance_id} | options.pop("headers", {})
        if self.credential:
            headers["Authorization"] = f"Bearer {self.credential}"
        if message is not None:
            options["json"] = message.to_json() if isinstance(message, p.Message) else message
        return self.client.open(path, method=method, headers=headers, csrf=False, **options)

    def beat(self, **more: Any) -> TestResponse:
        self.seq += 1
        answer = self.call("POST", p.HEARTBEAT, self.heartbeat(**more))
        if answer.status_code == 200:
            self.heard[self.instance_id] = answer.json["server_time"]
        return answer

    def heartbeat(self, **more: Any) -> p.HeartbeatRequest:
        told: dict[str, Any] = {
            "instance_id": self.instance_id, "seq": self.seq, "running": [], "spool": 0, "free_disk": 10**10, "load": 0.1,
            "capacity": 4, "version": p.VERSION, "agent_time": clock.iso(clock.now()), "capabilities": CAPABILITIES,
            "trust": self.trust, "heard": self.heard.get(self.instance_id, ""),
        }  # fmt: skip
        return p.HeartbeatRequest(**told | more)

    def claim(self, most: int = 4, claim_id: str = "", spool: int = 0) -> TestResponse:
        return self.call("POST", p.CLAIM, p.ClaimRequest(claim_id or uuid4().hex, most, spool))

    def take(self) -> Held:
        """The one task that waits."""
        (raw,) = self.claim().json["tasks"]
        return Held(self, raw)

    def started(self) -> Held:
        held = self.take()
        assert held.start().status_code == 200
        return held


class Held:
    """A task under a lease of this agent."""

    def __init__(self, caller: Caller, raw: dict[str, Any]) -> None:
        self.caller, self.raw = caller, raw
        self.task = p.ClaimedTask.from_json(raw)
        self.lease = {"lease_seq": self.task.lease_seq, "token": self.task.token}
        self.sent = {"stdout": b"", "stderr": b"", "index": b""}

    def call(self, method: str, verb: str, message: Any = None, **options: Any) -> TestResponse:
        return self.caller.call(method, p.task_path(self.task.task_id, verb), message, **options)

    def start(self) -> TestResponse:
        return self.call("POST", "start", p.LeaseRequest(**self.lease))

    def give_back(self) -> TestResponse:
        return self.call("POST", "give_back", p.LeaseRequest(**self.lease))

    def status(self, state: str, exit_code: int | None = None) -> TestResponse:
        return self.call("POST", "status", p.StatusRequest(state=state, exit_code=exit_code, **self.lease))

    def log(self, data: bytes, offset: int | None = None, stream: str = "stdout", **headers: str) -> TestResponse:
        at = len(self.sent[stream]) if offset is None else offset
        told = {
            "Content-Range": f"bytes {at}-{at + len(data) - 1}/*", p.CHUNK_CRC_HEADER: f"{zlib.crc32(data):08x}",
            **self.headers, **headers,
        }  # fmt: skip
        answer = self.call("PATCH", "log", query_string={"stream": stream}, data=data, headers=told)
        if answer.status_code == 202 and offset is None:
            self.sent[stream] += data
        return answer

    def size(self, stream: str = "stdout") -> TestResponse:
        told = {"Content-Range": "bytes */*", p.CHUNK_CRC_HEADER: "00000000", **self.headers}
        return self.call("PATCH", "log", query_string={"stream": stream}, headers=told)

    def leave(self, name: str, data: bytes, number: int = 1, type: str = "txt", **headers: str) -> TestResponse:
        told = {p.SHA256_HEADER: hashlib.sha256(data).hexdigest(), **self.headers, **headers}
        return self.call(
            "PUT", f"artifacts/{number}", query_string={"name": name, "type": type}, data=data, headers=told
        )

    def result(self, exit_code: int = 0, **more: Any) -> TestResponse:
        return self.call("PUT", "result", self.last_word(exit_code, **more))

    def last_word(self, exit_code: int = 0, **more: Any) -> p.ResultRequest:
        told: dict[str, Any] = {
            "exit_code": exit_code, "sizes": {name: len(data) for name, data in self.sent.items()},
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in self.sent.items()},
            "agent_time": "2026-11-21T10:00:00.000Z", **self.lease,
        }  # fmt: skip
        return p.ResultRequest(**told | more)

    def fail(self, reason: str = "spawn_failed", error: str = "No such program") -> TestResponse:
        return self.call("POST", "fail", p.FailRequest(reason=reason, error=error, **self.lease))

    def cancelled(self, **more: Any) -> TestResponse:
        return self.call("POST", "cancelled", p.CancelledRequest(**self.lease, **more))

    @property
    def running(self) -> p.RunningTask:
        return p.RunningTask(self.task.task_id, self.task.lease_seq, self.task.token, {}, 0, "executing")

    @property
    def headers(self) -> dict[str, str]:
        return {p.LEASE_SEQ_HEADER: str(self.task.lease_seq), p.LEASE_TOKEN_HEADER: self.task.token}


def enrol(client: Browser, token: str, hostname: str = "", **more: Any) -> TestResponse:
    told: dict[str, Any] = {
        "token": token, "install_id": uuid4().hex, "hostname": hostname or f"host-{next(numbers)}", "os": "linux",
        "arch": "amd64", "agent_version": p.VERSION, "protocol": [1], "user": "root", "capabilities": CAPABILITIES,
    }  # fmt: skip
    return Caller(client).call("POST", p.ENROL, p.EnrolRequest(**told | more))
