"""The agent: what its loops share, how it begins, and how it ends."""

import threading
import time
import traceback
import uuid
from typing import Callable, Optional

from . import code, exits, policy, protocol, service, signed
from .claims import Claims
from .client import Client, NotAllowed, Trouble
from .clock import ServerClock
from .folder import TaskFolder, all_folders
from .heartbeat import Heart, bounded
from .kinds import update
from .protocol import MAX_HELD, Command, HeartbeatReply, Settings
from .report import Delivery
from .spool import Entry, Spool
from .state import WorkDir
from .status import write_status
from .wake import Listener
from .work import Work

CAPACITY = 4
MAX_EVENTS = 100
_AGAIN_S = 3600
_STOP_S = 20  # for runners that were told to stop
EXIT_RESTART = -1  # not an exit code: main starts the program again

Event = tuple[str, str, float]  # kind, text, when by the monotonic clock


class Agent:
    def __init__(self, work: WorkDir, say: Callable[[str], None], capacity: Optional[int] = None) -> None:
        self.work, self.say = work, say
        self.identity, self.trust = work.load_identity(), work.load_trust()
        self.policy = policy.load(work.path("policy.json"))
        self.client = Client(self.identity.server, self.identity.credential, self.identity.ca_file,
                             self.identity.insecure_loopback)  # fmt: skip
        self.instance_id = self.client.instance_id = uuid.uuid4().hex
        self.continues = work.succeed(self.instance_id)
        self.clock, self.settings = ServerClock(), Settings()
        self.claim_interval_s = 2.0
        self.paused = False
        self.held: dict[str, Work] = {}
        self.spool, self.delivery = Spool(work), Delivery(work, self.client, self.delivered)
        self.stopping, self.killing, self.leaving = threading.Event(), threading.Event(), threading.Event()
        self.bell, self.beat_now = threading.Event(), threading.Event()
        code.forget_others(work.root)
        self.heart, self.claims, self.listener = Heart(self), Claims(self), Listener(self)
        self.exit_code = exits.OK
        self._own_capacity = min(capacity or CAPACITY, self.policy.capacity or MAX_HELD, MAX_HELD)
        self._events: list[Event] = []
        self._conditions: dict[str, float] = {}
        self._lock = threading.Lock()
        self._updating = threading.Lock()
        self._uninstalling: Optional[bool] = None

    # --- from beginning to end ----------------------------------------------------------------

    def run(self, grace_s: float, kill: bool) -> int:
        """Until `stop`; then up to `grace_s` for what runs. `kill` ends the tasks rather than leaving them to
        the agent's next start."""
        self.event("started", f"version {protocol.VERSION}")
        self.work.forget_old_starts()
        self.spool.clear()
        self.spool.prune(time.time())
        self._resume()
        for loop in (self.heart, self.claims):
            threading.Thread(target=loop.run, name=type(loop).__name__, daemon=True).start()
        while not self.stopping.wait(3600):
            self.spool.prune(time.time())
        self._see_out(grace_s, kill)
        return self.exit_code

    def stop(self) -> None:
        """Once: begin to end. Twice: now."""
        if self.stopping.is_set():
            self.leaving.set()
        self.stopping.set()
        self.bell.set()

    def restart(self) -> None:
        self.exit_code = EXIT_RESTART
        self.stop()

    def revoked(self, trouble: Trouble) -> None:
        if self._uninstalling is not None:
            return  # the farewell made the key void, and a beat that was on its way has met that
        self.say(f"this agent was revoked: {trouble}")
        self.exit_code = exits.NOT_ALLOWED
        self.killing.set()
        self.stopping.set()

    def superseded(self, trouble: Trouble) -> None:
        self.say(f"another copy of this agent is alive: {trouble}")
        self.exit_code = exits.SESSION_CONFLICT
        self.stopping.set()
        self.leaving.set()

    def _resume(self) -> None:
        waiting = self.spool.task_ids()
        for folder in all_folders(self.work):
            if folder.task.task_id not in waiting:
                self.hold(Work(self, folder, lease_until=0.0))

    def _see_out(self, grace_s: float, kill: bool) -> None:
        if self.exit_code == EXIT_RESTART:
            grace_s = 0.0
        elif kill or self.killing.is_set():
            self.killing.set()
            grace_s = _STOP_S
        end = time.monotonic() + grace_s
        while self.held and time.monotonic() < end and not self.leaving.wait(0.05):
            self.bell.set()
        self._last_words()
        self.leaving.set()
        self.bell.set()
        self.beat_now.set()
        for work in list(self.held.values()):
            work.join(2)
        if self._uninstalling is not None:
            self._remove(self._uninstalling)

    def _last_words(self) -> None:
        try:
            self.spool.drain(self.delivery)
        except Trouble as error:
            self.say(f"{self.spool.count()} results wait for the next start: {error}")

    def _remove(self, cleanup: bool) -> None:
        try:
            self.client.call("POST", protocol.UNENROL)
        except Trouble as error:
            self.say(f"the server was not told: {error}")
        service.remove(self.work.root, cleanup, code.packed_program(), self.say)

    # --- for the loops ------------------------------------------------------------------------

    def guarded(self, act: Callable[[], None]) -> None:
        """Whatever goes wrong in one round, there is a next one; only a revoked credential ends it all."""
        try:
            act()
        except NotAllowed as trouble:
            self.revoked(trouble)
        except Exception:
            self.say(traceback.format_exc())
            self.stopping.wait(1)

    @property
    def log_interval_s(self) -> float:
        return bounded(self.settings.log_interval_ms, 20, 5000) / 1000

    @property
    def capacity(self) -> int:
        told = self.settings.capacity
        return self._own_capacity if told is None else max(0, min(told, self._own_capacity))

    @property
    def room(self) -> int:
        """Every task that runs can become one result that waits: together they never pass the limit."""
        held = len(self.held)
        return min(self.capacity - held, MAX_HELD - held - self.spool.count())

    @property
    def may_claim(self) -> bool:
        if self.paused or self.stopping.is_set():
            return False
        return self.heart.heard_at > 0 and not self.heart.trouble

    def lease_of(self, task_id: str) -> Optional[int]:
        """Under which lease this agent holds the task already."""
        if task_id in self.held:
            return self.held[task_id].task.lease_seq
        waiting = [entry.body["lease_seq"] for entry in self.spool.entries() if entry.task_id == task_id]
        return waiting[-1] if waiting else None

    def hold(self, work: Work) -> None:
        with self._lock:
            self.held = {**self.held, work.task_id: work}  # replaced, never changed: readers need no lock
        work.start()

    def done(self, work: Work) -> None:
        with self._lock:
            self.held = {task_id: other for task_id, other in self.held.items() if other is not work}
        self.bell.set()

    def delivered(self, entry: Entry, folder: Optional[TaskFolder]) -> None:
        if folder and folder.task.type == "uninstall" and entry.call == "result" and entry.body["exit_code"] == 0:
            self._uninstalling = bool(folder.task.data.get("cleanup"))
            self.killing.set()
            self.stop()

    def apply(self, reply: HeartbeatReply) -> None:
        self.settings, self.claim_interval_s = reply.settings, bounded(reply.claim_interval_s, 0.05, 3600)
        if reply.settings.paused is not None:
            self.paused = reply.settings.paused
        self.listener.update(reply.wake)

    def pause(self, paused: bool) -> None:
        self.paused = paused
        self.bell.set()

    def update(self, command: Command) -> None:
        """In a thread of its own, for a download takes longer than a heartbeat may."""
        threading.Thread(target=self._update, args=(command,), name="update", daemon=True).start()

    def _update(self, command: Command) -> None:
        if self._updating.acquire(blocking=False):  # the command is repeated until the new version is seen
            try:
                self._update_once(command)
            finally:
                self._updating.release()

    def _update_once(self, command: Command) -> None:
        folder, organization = self.work.path("update"), self.identity.organization
        try:
            code.empty(folder)
            with update.fetched(self, command.manifest, command.download, organization, folder) as (new, version):
                if version != protocol.VERSION:
                    update.swap(new)
                    self.restart()
        except (signed.Refused, OSError, Trouble) as error:
            self.condition("update_failed", str(error))

    # --- telling ------------------------------------------------------------------------------

    def event(self, kind: str, text: str) -> None:
        """For the agent's page on the server."""
        self.say(f"{kind}: {text}")
        with self._lock:
            self._events = [*self._events[1 - MAX_EVENTS :], (kind, text[:1000], time.monotonic())]

    def condition(self, kind: str, text: str) -> None:
        """An event that lasts: told once an hour."""
        now = time.monotonic()
        if now - self._conditions.get(kind, -_AGAIN_S) >= _AGAIN_S:
            self._conditions[kind] = now
            self.event(kind, text)

    def pending_events(self) -> list[Event]:
        return self._events

    def events_told(self, told: list[Event]) -> None:
        with self._lock:
            self._events = [event for event in self._events if event not in told]

    def show_status(self) -> None:
        write_status(self)
