"""The claim loop: hand in what waits, then ask for as much as there is room for."""

import shutil
import time
import uuid
from typing import TYPE_CHECKING, Any, Optional

from . import protocol
from .client import WARM_S, Backoff, Final, Transient, UpgradeNeeded
from .folder import TaskFolder
from .protocol import BadMessage, ClaimedTask, ClaimReply, ClaimRequest, Code, FailRequest, LeaseRequest
from .work import Work

if TYPE_CHECKING:
    from .loop import Agent

_DISK_FLOOR = 64 * 1024 * 1024
_REFUSED_S = 15


class Claims:
    def __init__(self, host: "Agent") -> None:
        self.host = host
        self._backoff = Backoff()
        self._wait_until = 0.0  # after trouble; a good heartbeat ends the waiting
        self._told_until = 0.0  # because the server said so; nothing ends that
        self._claim_again_at = 0.0  # after a refusal; results are handed in meanwhile
        self._id: Optional[tuple[str, float]] = None  # (claim_id, when) of a claim without an answer

    def run(self) -> None:
        while not self.host.leaving.is_set():
            waiting = max(self._wait_until, self._told_until) - time.monotonic()
            self.host.bell.wait(waiting if waiting > 0 else self.host.claim_interval_s)
            self.host.bell.clear()
            if time.monotonic() >= max(self._wait_until, self._told_until) and not self.host.leaving.is_set():
                self.host.guarded(self.round)
            if self.host.claim_interval_s > WARM_S:
                self.host.client.close()

    def hurry(self) -> None:
        self._wait_until = 0.0
        self.host.bell.set()

    def round(self) -> None:
        try:
            self.host.spool.drain(self.host.delivery)
            if self._claim():
                self.host.bell.set()
            self._backoff.worked()
        except Transient as error:
            now = time.monotonic()
            self._wait_until, self._told_until = now + self._backoff.failed(), now + (error.retry_after or 0)
            self.host.say(f"the server does not answer: {error}")

    def _claim(self) -> bool:
        """True when it may be worth asking again at once."""
        host, room, now = self.host, self.host.room, time.monotonic()
        if room <= 0 or now < self._claim_again_at or not host.may_claim or host.spool.count():
            return False
        if shutil.disk_usage(host.work.root).free < _DISK_FLOOR:
            return self._refused("disk", "the disk of this host is full; no task is taken")
        try:
            reply = host.client.call("POST", protocol.CLAIM, ClaimRequest(self._claim_id(now), room, 0))
        except UpgradeNeeded as error:
            return self._refused("upgrade_needed", f"{error.refusal.required or 'a newer version'} is required")
        except Final as error:
            self._id = None
            return error.code != Code.DRAIN_FIRST and self._refused("claim_refused", str(error))
        self._id = None
        tasks = reply.body.get("tasks", []) if isinstance(reply.body, dict) and reply.status == 200 else []
        for raw in tasks:
            self._take(raw, now)
        return len(tasks) >= room

    def _claim_id(self, now: float) -> str:
        """The same until it is answered, so that a lost answer is not a lost task."""
        if self._id is None or now - self._id[1] > protocol.CLAIM_REPEAT_S - 5:
            self._id = (str(uuid.uuid4()), now)
        return self._id[0]

    def _refused(self, kind: str, text: str) -> bool:
        self._claim_again_at = time.monotonic() + _REFUSED_S
        self.host.condition(kind, text)
        return False

    def _take(self, raw: Any, sent: float) -> None:
        try:
            task = ClaimReply.from_json({"tasks": [raw]}).tasks[0]
        except BadMessage as error:
            self.host.event("bad_task", f"a task that cannot be read: {error}")
            return
        held = self.host.lease_of(task.task_id)
        if held == task.lease_seq:
            return  # an answer that came twice
        if held is not None:
            self._give_back(task)  # what is left of an older lease comes first
            return
        merge_data(task)
        try:
            folder = TaskFolder.create(self.host.work, task, sent)
        except OSError as error:
            self._fail(task, f"No room for the task on this host: {error}")
            return
        self.host.hold(Work(self.host, folder, sent + self.host.settings.lease_s, raw))

    def _give_back(self, task: ClaimedTask) -> None:
        try:
            message = LeaseRequest(task.lease_seq, task.token)
            self.host.client.call("POST", protocol.task_path(task.task_id, "give_back"), message)
        except (Transient, Final):
            pass  # then the lease ends by itself

    def _fail(self, task: ClaimedTask, text: str) -> None:
        """Without the spool: that has no room either. If this is lost, the lease ends by itself."""
        message = FailRequest(task.lease_seq, task.token, "disk_full", text)
        try:
            self.host.client.call("POST", protocol.task_path(task.task_id, "fail"), message)
        except (Transient, Final) as error:
            self.host.event("disk", f"task {task.task_id}: {text}; {error}")


def merge_data(task: ClaimedTask) -> None:
    """`run_as`, `env` and `cwd` may stand in `data` too; the options win."""
    options, data = task.options, task.data
    options.run_as = options.run_as or data.get("run_as") or None
    options.cwd = options.cwd or data.get("cwd") or None
    options.env = {**{str(name): str(value) for name, value in (data.get("env") or {}).items()}, **options.env}
