"""The heartbeat loop: say what runs here, which renews the leases; hear what the server wants."""

import os
import random
import shutil
import time
from typing import TYPE_CHECKING, Optional

from . import protocol
from .client import Backoff, Final, Transient
from .clock import WARN_S, stamp
from .host import facts
from .protocol import AgentEvent, BadMessage, Command, HeartbeatReply, HeartbeatRequest, RotateReply, RunningTask
from .signed import Refused

if TYPE_CHECKING:
    from .loop import Agent

_WITH_WORK_S = 15


def bounded(value: float, low: float, high: float) -> float:
    """What a server asks for, within reason: a broken one must not make the agent spin or sleep for ever."""
    return min(max(value, low), high)


class Heart:
    def __init__(self, host: "Agent") -> None:
        self.host = host
        self.seq = 0
        self.heard_at = 0.0  # monotonic, of the last good answer
        self._heard = ""  # the server's time in it
        self.trouble = ""
        self._backoff = Backoff()
        self._pause = 0.0
        self._facts = facts()

    def run(self) -> None:
        while not self.host.leaving.is_set():
            self.host.beat_now.wait(self._pause)
            self.host.beat_now.clear()
            if not self.host.leaving.is_set():
                self.host.guarded(self.round)

    def round(self) -> None:
        try:
            reply = self.beat()
        except (Transient, BadMessage) as error:
            self.trouble = str(error)
            self._pause = self._backoff.failed(getattr(error, "retry_after", None))
        except Final as error:
            if error.code == protocol.Code.SESSION_CONFLICT:
                self.host.superseded(error)
            self.trouble, self._pause = str(error), _WITH_WORK_S
        else:
            self.trouble = ""
            self._backoff.worked()
            longest = min(reply.interval_s, _WITH_WORK_S) if self.host.held else reply.interval_s
            self._pause = bounded(longest, 0.1, 3600) * random.uniform(0.8, 1.2)
        self.host.show_status()

    def beat(self) -> HeartbeatReply:
        host, events = self.host, self.host.pending_events()
        self.seq += 1
        message = self._message(events)
        sent = time.monotonic()
        answer = host.client.call("POST", protocol.HEARTBEAT, message)
        self.heard_at = time.monotonic()
        reply = HeartbeatReply.from_json(answer.body)
        self._heard = reply.server_time
        host.events_told(events)
        host.clock.observed(reply.server_time, sent, self.heard_at)
        self._heed(reply, message.running, sent)
        return reply

    def _message(self, events: list) -> HeartbeatRequest:
        host, now = self.host, time.monotonic()
        return HeartbeatRequest(
            instance_id=host.instance_id, seq=self.seq, running=self._running(), spool=host.spool.count(),
            free_disk=shutil.disk_usage(host.work.root).free, load=_load(), capacity=host.capacity,
            version=protocol.VERSION, agent_time=stamp(), capabilities=host.policy.capabilities(),
            events=[AgentEvent(kind, text, int((now - then) * 1000)) for kind, text, then in events],
            rejected=host.spool.rejected_count(),
            trust={"root": host.trust.root["version"], "revoked": host.trust.revoked["version"]},
            facts=self._facts, heard=self._heard, continues=host.continues,
        )  # fmt: skip

    def _running(self) -> list[RunningTask]:
        """All whose lease is to live: what runs, and what waits for its result to be taken."""
        tasks = [
            RunningTask(work.task_id, work.task.lease_seq, work.task.token, work.output.acknowledged,
                        work.folder.elapsed_ms, work.state)
            for work in self.host.held.values()
        ]  # fmt: skip
        known = {task.task_id for task in tasks}
        return tasks + [
            RunningTask(entry.task_id, entry.body["lease_seq"], entry.body["token"], {}, 0, "reporting")
            for entry in self.host.spool.entries() if entry.task_id not in known
        ]  # fmt: skip

    def _heed(self, reply: HeartbeatReply, told: list[RunningTask], sent: float) -> None:
        host = self.host
        for task in told:
            work = host.held.get(task.task_id)
            if work is not None and task.task_id in reply.drop:
                work.drop()
            elif work is not None:
                work.lease_until = sent + reply.settings.lease_s
        host.apply(reply)
        for command in reply.commands:
            self._obey(command)
        if host.clock.wrong:
            ahead = "ahead of" if host.clock.skew_s > 0 else "behind"
            host.condition("clock_skew", f"the clock of this host is more than {WARN_S} s {ahead} the server's")
        host.claims.hurry()

    def _obey(self, command: Command) -> None:
        act = _ACTS.get(command.kind)
        if act is None:
            self.host.event("unknown_command", command.kind)
            return
        try:
            act(self.host, command)
        except (Refused, OSError, Transient, Final, BadMessage) as error:
            self.host.event(f"{command.kind}_failed", str(error))


def _cancel(host: "Agent", command: Command) -> None:
    work = host.held.get(command.task_id or "")
    if work is not None:
        work.cancel()


def _rotate(host: "Agent", command: Command) -> None:
    """On the disk before its first use, which ends the old one's life."""
    reply = RotateReply.from_json(host.client.call("POST", protocol.ROTATE).body)
    host.identity.credential = reply.credential
    host.work.save_identity(host.identity)
    host.client.credential = reply.credential


def _root(host: "Agent", command: Command) -> None:
    known = host.trust.updated(command.root or {})
    host.work.save_trust(known)
    host.trust = known


_ACTS = {
    "cancel": _cancel,
    "rotate": _rotate,
    "root": _root,
    "pause": lambda host, command: host.pause(True),
    "resume": lambda host, command: host.pause(False),
    "update": lambda host, command: host.update(command),
}


def _load() -> Optional[float]:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None
