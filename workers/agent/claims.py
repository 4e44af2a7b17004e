"""The claim loop: hand in what waits, then ask for as much as there is room for."""

import shutil
import time
import uuid
from typing import TYPE_CHECKING, Any, Optional

from . import protocol
from .client import Backoff, Final, Transient, UpgradeNeeded
from .folder import TaskFolder
from .protocol import BadMessage, ClaimedTask, ClaimReply, ClaimRequest, Code, FailRequest
from .work import Work

if TYPE_CHECKING:
    from .loop import Agent

_DISK_FLOOR = 64 * 1024 * 1024


class Claims:
    def __init__(self, host: "Agent") -> None:
        self.host = host
        self._backoff = Backoff()
        self._wait_until = 0.0  # after trouble; a good heartbeat ends the waiting
        self._id: Optional[tuple[str, float]] = None  # (claim_id, when) of a claim without an answer

    def run(self) -> None:
        while True:
            self.host.bell.wait(self.host.claim_interval_s)
            self.host.bell.clear()
            if self.host.leaving.is_set():
                return
            if time.monotonic() >= self._wait_until:
                self.host.guarded(self.round)

    def hurry(self) -> None:
        self._wait_until = 0.0
        self.host.bell.set()

    def round(self) -> None:
        try:
            self.host.spool.drain(self.host.delivery)
            if self._claim():
                self.host.bell.set()
            self._backoff.worked()
        except UpgradeNeeded as error:
            self._wait_until = time.monotonic() + 60
            self.host.event("upgrade_needed", f"{error}; {error.refusal.required or 'a newer version'} is required")
        except Transient as error:
            self._wait_until = time.monotonic() + self._backoff.failed(error.retry_after)
            self.host.say(f"the server does not answer: {error}")

    def _claim(self) -> bool:
        """True when it may be worth asking again at once."""
        host, room = self.host, self.host.room
        if room <= 0 or host.stopping.is_set() or not host.may_claim or host.spool.count():
            return False
        if shutil.disk_usage(host.work.root).free < _DISK_FLOOR:
            host.event("disk", "the disk of this host is full; no task is taken")
            return False
        sent = time.monotonic()
        try:
            reply = host.client.call("POST", protocol.CLAIM, ClaimRequest(self._claim_id(sent), room, 0))
        except Final as error:
            self._id = None
            return self._refused(error)
        self._id = None
        tasks = reply.body.get("tasks", []) if isinstance(reply.body, dict) and reply.status == 200 else []
        for raw in tasks:
            self._take(raw, sent)
        return len(tasks) >= room

    def _claim_id(self, now: float) -> str:
        """The same until it is answered, so that a lost answer is not a lost task."""
        if self._id is None or now - self._id[1] > protocol.CLAIM_REPEAT_S - 5:
            self._id = (str(uuid.uuid4()), now)
        return self._id[0]

    def _refused(self, error: Final) -> bool:
        if error.code != Code.DRAIN_FIRST:
            self._wait_until = time.monotonic() + 15
            self.host.event("claim_refused", str(error))
        return False

    def _take(self, raw: Any, sent: float) -> None:
        try:
            task = ClaimReply.from_json({"tasks": [raw]}).tasks[0]
        except BadMessage as error:
            self.host.event("bad_task", f"a task that cannot be read: {error}")
            return
        if self.host.holds(task.task_id):
            return
        merge_data(task)
        try:
            folder = TaskFolder.create(self.host.work, task, sent)
        except OSError as error:
            self._fail(task, f"No room for the task on this host: {error}")
            return
        self.host.hold(Work(self.host, folder, sent + self.host.settings.lease_s, raw))

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
