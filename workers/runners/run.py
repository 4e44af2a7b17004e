"""One run of one task on a worker: permit, child, progress, end."""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from webapp import clock
from webapp.config import Settings
from webapp.crash import crash_here
from webapp.events import Actor
from webapp.files import queries as files
from webapp.files import store
from webapp.plugins import parameters, sealing
from webapp.plugins import queries as plugins
from webapp.seal import Seal, SealError
from webapp.tasks import late, lifecycle, states
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import LEASE, End, Refused
from webapp.tasks.lists import search
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.reasons import Reason
from workers.agent.record import ExitRecord
from workers.intake import Intake
from workers.ledger import Ledger
from workers.runners.warm import Handle, NotStarted, WarmParent, Work

ENTRY = "webapp.plugins.execute:run_plugin"
LOOK = 0.5  # seconds between looks at the journal
TELL_PROGRESS = 1.0
TELL_AGAIN = 1.0
TELL_FOR = 600.0  # seconds for which the database may be away before an end is given up
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")

log = structlog.get_logger("run")


class Run:
    def __init__(self, app: Flask, settings: Settings, warm: WarmParent, ledger: Ledger, by: Actor, claimed: Claimed):
        self.app, self.settings, self.warm, self.ledger, self.by = app, settings, warm, ledger, by
        self.task, self.lease, self.uuid = claimed.task, claimed.lease, claimed.task.uuid
        self.folder = settings.data / "work" / self.uuid
        self.intake = Intake(self.folder)
        self.lost = threading.Event()
        self._handle: Handle | None = None
        self._cancelled = threading.Event()
        self._abandoned = threading.Event()
        self._secrets: list[str] = []
        self._end = End(states.OUTCOME_UNKNOWN)  # until it is known
        self._printed = (b"", b"")
        self._heard: Future[None] | None = None

    def go(self) -> None:
        """From the permit until the end is on its way to the database; `settle` waits until it is there."""
        if (end := self._run()) is not None:
            self._end = end
            self._tell()

    def settle(self) -> None:
        try:
            self._insist()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _insist(self) -> None:
        """Told until the database hears it, for nobody else knows how the task ended."""
        until = time.monotonic() + TELL_FOR
        while self._heard is not None:
            try:
                return self._hear(self._heard)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > until:
                    raise
                log.warning("an end cannot be written now", task=self.uuid, error=str(error.orig))
                time.sleep(TELL_AGAIN)
                self._tell()

    def _run(self) -> End | None:
        """How it ended; None when that is nobody's to be told by us."""
        asked = time.monotonic()
        try:
            call = self._start()
        except Refused as refusal:
            log.info("a claimed task was not started", task=self.uuid, why=refusal.text)
            return None
        except SealError as error:
            return End(states.NEVER_STARTED, reason=Reason.PLUGIN_ERROR, error=f"Its settings: {error}")
        crash_here("permitted")
        if time.monotonic() - asked > LEASE.total_seconds() / 2:
            # This process was frozen: somebody else may hold the task by now.
            return End(states.NEVER_STARTED, reason=Reason.WORKER_LOST, error="The permit was stale")
        try:
            self._handle = self.warm.run(self._work(call))
        except NotStarted as error:
            return End(states.NEVER_STARTED, reason=Reason.SPAWN_FAILED, error=str(error))
        record = self._watch(self._handle)
        crash_here("ended")
        if self.lost.is_set() and record.reason == "cancelled":
            return None
        return self._ended(record)

    def _ended(self, record: ExitRecord) -> End:
        folder = output.folder(self.settings.data, self.uuid)
        if record.exit_code == states.OUTCOME_UNKNOWN:
            output.settle(folder)  # its last bytes may not be in the index
        if any(record.sizes.values()) or record.exit_code == states.OUTCOME_UNKNOWN:
            self._printed = output.ends(folder, search.HEAD, search.TAIL)
        self.intake.read()
        return self._told(record)

    def cancel(self) -> None:
        self._cancelled.set()
        if self._handle is not None:
            self._handle.cancel()

    def lose(self) -> None:
        """The lease is void: kill the child. What it has become by then is told as late news, if it ended by itself."""
        self.lost.set()
        self.cancel()

    def abandon(self) -> None:
        """The worker must go and the task is not done: stop it, and say so while the lease is ours."""
        self._abandoned.set()
        if self._handle is not None:
            self._handle.cancel()

    def _start(self) -> dict[str, Any]:
        """The permit, and the call with what only the server knows. Refused when somebody withdrew the task."""
        self.task, call = self.ledger.write(self._permit)
        return call

    def _permit(self, session: Session) -> tuple[Task, dict[str, Any]]:
        task = session.merge(self.task, load=False)
        lifecycle.start(task, self.lease, self.by, clock.now())
        return task, self._call(task)

    def _call(self, task: Task) -> dict[str, Any]:
        """The task's data, and what only the server knows: where the plugin is, its settings, its file."""
        plugin = plugins.find(task.data["plugin_id"])
        if plugin is None:
            return dict(task.data)  # removed since: the child says so
        seal = Seal(self.settings.secrets_key_file)
        settings, secrets = plugins.setup_of(plugin, task.organization_id, seal)
        called = sealing.opened(plugin, task.data, task.organization_id, seal)
        self._secrets = parameters.secret_values(plugin.manifest, secrets, called)
        own = {"location": plugin.location, "memory_mb": plugin.manifest.memory_mb, "file": self._file(task)}
        return called | own | {"settings": settings | secrets}

    def _file(self, task: Task) -> str | None:
        inputs = task.data.get("input_data") or [None]
        if not isinstance(inputs, list) or not isinstance(inputs[0], dict) or "file" not in inputs[0]:
            return None
        file = files.by_uuid(str(inputs[0]["file"]), task.organization_id)
        return str(store.path_of(self.settings.data, file.organization_id, file.uuid)) if file else None

    def _work(self, call: dict[str, Any]) -> Work:
        memory = call.pop("memory_mb", None)
        return Work(
            task_id=self.uuid, dir=self.folder, output_dir=output.folder(self.settings.data, self.uuid), entry=ENTRY,
            call=call, secrets=self._secrets, env=self._env(), timeout=float(self.task.execution_timeout),
            memory_bytes=memory * 2**20 if memory else None, max_output=self.task.options.get("max_output", 100 * 2**20),
        )  # fmt: skip

    def _env(self) -> dict[str, str]:
        env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        return env | {"HOME": str(self.folder), "MUSTER_TASK_ID": self.uuid} | self.task.options.get("env", {})

    def _watch(self, handle: Handle) -> ExitRecord:
        told = 0.0
        while (record := handle.wait(LOOK)) is None:
            if self._cancelled.is_set():
                handle.cancel()
            if self.intake.read() and time.monotonic() - told >= TELL_PROGRESS:
                told = time.monotonic()
                self._tell_progress()
        return record

    def _tell_progress(self) -> None:
        percent, text = self.intake.progress or (0, "")
        try:
            self.ledger.write(lambda session: lifecycle.progress(
                session.merge(self.task, load=False), self.lease, percent, text, clock.now()))  # fmt: skip
        except Refused:
            self.lose()

    def _told(self, record: ExitRecord) -> End:
        """The child's own word on an error comes first: an exit code cannot say why."""
        if record.reason == "cancelled" and self._abandoned.is_set() and not self._cancelled.is_set():
            return self._abandoned_end(record)
        error = self.intake.error or {}
        own = record.reason is None and bool(error)
        return End(
            exit_code=record.exit_code, signal=record.signal, reason=error.get("reason") if own else record.reason,
            error=error.get("text") if own else record.error, traceback=error.get("traceback") if own else record.traceback,
            outcome_known=record.exit_code != states.OUTCOME_UNKNOWN, result=_result(self.intake.result),
            stdout_size=record.sizes.get("stdout", 0), stderr_size=record.sizes.get("stderr", 0),
            dropped_bytes=record.dropped_bytes,
        )  # fmt: skip

    def _abandoned_end(self, record: ExitRecord) -> End:
        """Nobody asked for this stop, so it is no termination: it is a failure, whose reason is known."""
        return End(
            exit_code=states.OUTCOME_UNKNOWN, reason=Reason.WORKER_LOST, error="Its worker was stopped while it ran",
            stdout_size=record.sizes.get("stdout", 0), stderr_size=record.sizes.get("stderr", 0),
            dropped_bytes=record.dropped_bytes,
        )  # fmt: skip

    def _tell(self) -> None:
        """In one transaction: files, objects, the end itself and what follows it."""
        self._heard = self.ledger.send(lambda session: self._write_end(session, clock.now()))

    def _hear(self, heard: Future[None]) -> None:
        try:
            heard.result()
        except Refused as refusal:
            resolved = self.ledger.write(lambda session: self._write_late(session, clock.now()))
            log.warning("an end came too late", task=self.uuid, why=refusal.text, believed=resolved)

    def _write_end(self, session: Session, now: datetime) -> None:
        task, end = session.merge(self.task, load=False), self._end
        if end.reason == "cancelled":
            lifecycle.stopped(task, self.lease, self.by, now, end)
        elif end.exit_code == states.NEVER_STARTED:
            lifecycle.fail(task, self.lease, self.by, now, end)
        else:
            lifecycle.finish(task, self.lease, self.by, now, end)
        self._keep_what_it_left(session, task, now)

    def _write_late(self, session: Session, now: datetime) -> bool:
        task = session.get_one(Task, self.task.id)
        resolved = late.accept(task, self.lease, self.by, now, self._end)
        if resolved:
            self._keep_what_it_left(session, task, now)
        return resolved

    def _keep_what_it_left(self, session: Session, task: Task, now: datetime) -> None:
        search.add_log(task.id, *self._printed)
        if not self.intake.empty:
            self._keep(session, task, now)

    def _keep(self, session: Session, task: Task, now: datetime) -> None:
        """What cannot be kept must not undo the end itself."""
        try:
            with session.begin_nested():
                self.intake.keep(task, self.settings.data, self.by, now)
        except Exception:
            log.exception("files and objects of a task were not kept", task=self.uuid)


def _result(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    return value if isinstance(value, dict) else {"value": value}


def sweep_folders(data: Path, alive: set[str]) -> int:
    """Work folders of runs that nobody holds any more."""
    gone = [path for path in (data / "work").glob("*") if path.name not in alive]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)
