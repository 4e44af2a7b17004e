"""The last word about a task: written from its exit record, and handed to the server after all its output."""

import json
import os
from pathlib import Path
from typing import Any, Callable, Optional

from . import artifacts, journal, protocol, record, stream
from .client import Client, Final
from .clock import stamp
from .folder import TaskFolder
from .record import ExitRecord
from .spool import Entry
from .state import WorkDir

_METHODS = {"result": "PUT", "fail": "POST", "cancelled": "POST"}
_ROUNDS = 3


def last_word(folder: TaskFolder, ended: ExitRecord, left_out: Optional[list[str]] = None) -> Entry:
    if ended.exit_code == protocol.NEVER_STARTED:
        return _entry(folder, "fail", protocol.FailRequest(
            reason=ended.reason or "spawn_failed", error=_short(ended.error) or "it never started",
            traceback=_short(ended.traceback), **_lease(folder)))  # fmt: skip
    if ended.exit_code == protocol.CANCELLED:
        started = folder.has("started")
        return _entry(folder, "cancelled", protocol.CancelledRequest(started=started, **_measured(folder, ended)))
    told = journal.read(folder)
    failure = told.error or {}
    return _entry(folder, "result", protocol.ResultRequest(
        exit_code=ended.exit_code, outcome_known=ended.exit_code != protocol.OUTCOME_UNKNOWN,
        reason=ended.reason or failure.get("reason"), error=_error(folder, ended.error or failure.get("text"), left_out),
        traceback=_short(ended.traceback or failure.get("traceback")), agent_time=stamp(),
        result=_returned(folder) if told.result is None else told.result, **_measured(folder, ended)))  # fmt: skip


def lost(folder: TaskFolder) -> ExitRecord:
    """Nobody saw the end. When it was not even started, that much is known, unless the host went down: then the
    mark of the start may be lost too."""
    if folder.same_boot and not folder.has("started"):
        text = "The agent was stopped before the start; nothing ran."
        return ExitRecord(protocol.NEVER_STARTED, reason="agent_offline", error=_with_log(folder, text))
    ended = record.lost("agent_offline").as_dict()
    return ExitRecord(**{**ended, "error": _with_log(folder, ended["error"])})


class Delivery:
    """Called by the spool for each entry, oldest first."""

    def __init__(self, work: WorkDir, client: Client, delivered: Callable[[Entry, Optional[TaskFolder]], None]) -> None:
        self.work, self.client, self.delivered = work, client, delivered
        self.outputs: dict[str, stream.Output] = {}  # of tasks that this process has followed

    def __call__(self, entry: Entry) -> None:
        path = self.work.path("tasks", entry.folder)
        folder = TaskFolder(path) if os.path.isdir(path) else None
        try:
            self._hand_in(entry, folder)
            self.delivered(entry, folder)
        except Final as error:
            self._forget(entry, folder)
            # What never ran, or was stopped on request, is no news to a server that has moved on.
            if entry.call == "result" or error.code not in (protocol.Code.STALE, protocol.Code.NOT_FOUND):
                raise
        else:
            self._forget(entry, folder)

    def _forget(self, entry: Entry, folder: Optional[TaskFolder]) -> None:
        self.outputs.pop(entry.task_id, None)
        if folder is not None:
            folder.remove()

    def _hand_in(self, entry: Entry, folder: Optional[TaskFolder]) -> None:
        output = None
        if folder is not None and entry.call != "fail":
            output = self.outputs.get(entry.task_id) or stream.Output(self.client, folder, known=False)
            self.outputs[entry.task_id] = output
            send_rest(output)
        for left in reversed(range(_ROUNDS)):
            try:
                self.client.call(_METHODS[entry.call], protocol.task_path(entry.task_id, entry.call), _Body(entry.body))
                return
            except Final as error:
                if error.code != protocol.Code.INCOMPLETE or output is None or not left:
                    raise
                output.rewind(error.refusal.missing)
                send_rest(output)


def send_rest(output: stream.Output) -> None:
    """All output, then the artifacts; a server that will not have them gets the last word all the same."""
    try:
        output.send_all()
        output.send_artifacts()
    except (Final, stream.Conflict):
        pass


class _Body(protocol.Message):
    """A message that was written down earlier; it goes out as it is."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def to_json(self) -> dict[str, Any]:
        return self.body


def _entry(folder: TaskFolder, call: str, message: protocol.Message) -> Entry:
    return Entry(folder.task.task_id, call, message.to_json(), os.path.basename(folder.path))


def _lease(folder: TaskFolder) -> dict[str, Any]:
    return {"lease_seq": folder.task.lease_seq, "token": folder.task.token}


def _measured(folder: TaskFolder, ended: ExitRecord) -> dict[str, Any]:
    return {
        "sizes": {name: folder.log_size(name) for name in protocol.STREAMS},
        "sha256": stream.hashes(folder, ended.sha256), "signal": ended.signal, "dropped_bytes": ended.dropped_bytes,
        "escaped": ended.escaped, **_times(folder, ended), **_lease(folder),
    }  # fmt: skip


def _times(folder: TaskFolder, ended: ExitRecord) -> dict[str, Optional[int]]:
    """Durations since the claim, by this boot's monotonic clock."""
    began = folder.began
    if began is None or ended.started_ms is None or ended.ended_ms is None or not folder.same_boot:
        return {"started_ms": None, "ended_ms": None}
    started = int((began - folder.known["received"]) * 1000)
    return {"started_ms": started, "ended_ms": started + ended.ended_ms - ended.started_ms}


def _error(folder: TaskFolder, text: Any, left_out: Optional[list[str]]) -> Optional[str]:
    left_out = artifacts.find(folder)[1] if left_out is None else left_out
    notes = [str(text)] if text else []
    if left_out:
        notes.append("Not uploaded: " + ", ".join(left_out))
    return _short("\n".join(notes)) if notes else None


def _returned(folder: TaskFolder) -> Any:
    try:
        with folder.open_own(os.path.join(folder.scratch, "result.json")) as file:
            return json.loads(file.read(protocol.MAX_RESULT))
    except (OSError, ValueError):
        return None


def _with_log(folder: TaskFolder, text: str) -> str:
    try:
        said = Path(folder.file("runner.log")).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return text
    return f"{text}\n{said[-2000:]}" if said else text


def _short(text: Any) -> Optional[str]:
    return str(text)[-protocol.MAX_TEXT :] if text else None
