"""The last word about a task: written from its exit record, and handed to the server after all its output."""

import json
import os
from pathlib import Path
from typing import Any, Callable, Optional

from . import record, stream
from .client import Client, Final
from .clock import stamp
from .folder import TaskFolder
from .protocol import (
    CANCELLED,
    MAX_RESULT,
    MAX_TEXT,
    NEVER_STARTED,
    OUTCOME_UNKNOWN,
    STREAMS,
    CancelledRequest,
    Code,
    FailRequest,
    Message,
    ResultRequest,
    task_path,
)  # fmt: skip
from .record import ExitRecord
from .spool import Entry
from .state import read_json

_METHODS = {"result": "PUT", "fail": "POST", "cancelled": "POST"}
_ROUNDS = 3


def last_word(folder: TaskFolder, ended: ExitRecord) -> Entry:
    task = folder.task
    lease = {"lease_seq": task.lease_seq, "token": task.token}
    if ended.exit_code == NEVER_STARTED:
        text = (ended.error or "it never started")[:MAX_TEXT]
        return _entry(folder, "fail", FailRequest(reason=ended.reason or "spawn_failed", error=text,
                                                  traceback=_short(ended.traceback), **lease))
    measured: dict[str, Any] = {
        "signal": ended.signal, "dropped_bytes": ended.dropped_bytes, "escaped": ended.escaped, **_times(folder, ended),
        "sizes": {name: folder.log_size(name) for name in STREAMS}, "sha256": stream.hashes(folder, ended.sha256),
    }  # fmt: skip
    if ended.exit_code == CANCELLED:
        return _entry(folder, "cancelled", CancelledRequest(started=folder.has("started"), **measured, **lease))
    return _entry(folder, "result", ResultRequest(
        exit_code=ended.exit_code, reason=ended.reason, error=_error(folder, ended), traceback=_short(ended.traceback),
        outcome_known=ended.exit_code != OUTCOME_UNKNOWN, agent_time=stamp(), result=_returned(folder),
        **measured, **lease))  # fmt: skip


def lost(folder: TaskFolder) -> ExitRecord:
    """Nobody saw the end. When it was not even started, that much is known."""
    if not folder.has("started"):
        text = "The agent was stopped before the start; nothing ran."
        return ExitRecord(NEVER_STARTED, reason="agent_offline", error=_with_log(folder, text))
    ended = record.lost("agent_offline").as_dict()
    return ExitRecord(**{**ended, "error": _with_log(folder, ended["error"])})


class Delivery:
    """Called by the spool for each entry, oldest first."""

    def __init__(self, client: Client, delivered: Callable[[Entry, Optional[TaskFolder]], None]) -> None:
        self.client, self.delivered = client, delivered
        self.outputs: dict[str, stream.Output] = {}   # of tasks that this process has followed

    def __call__(self, entry: Entry) -> None:
        folder = TaskFolder(entry.folder) if os.path.isdir(entry.folder) else None
        try:
            self._hand_in(entry, folder)
        except Final as error:
            if entry.call == "result" or error.code not in (Code.STALE, Code.NOT_FOUND):
                raise
            # What never ran, or was stopped on request, is no news to a server that has moved on.
        self.delivered(entry, folder)
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
                self.client.call(_METHODS[entry.call], task_path(entry.task_id, entry.call), _Body(entry.body))
                return
            except Final as error:
                if error.code != Code.INCOMPLETE or output is None or not left:
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


class _Body(Message):
    """A message that was written down earlier; it goes out as it is."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def to_json(self) -> dict[str, Any]:
        return self.body


def _entry(folder: TaskFolder, call: str, message: Message) -> Entry:
    return Entry(folder.task.task_id, call, message.to_json(), folder.path)


def _times(folder: TaskFolder, ended: ExitRecord) -> dict[str, Optional[int]]:
    """Durations since the claim, by this boot's monotonic clock."""
    began = read_json(folder.file("started"))
    if began is None or ended.started_ms is None or ended.ended_ms is None or not folder.same_boot:
        return {"started_ms": None, "ended_ms": None}
    started = int((began - folder.known["received"]) * 1000)
    return {"started_ms": started, "ended_ms": started + ended.ended_ms - ended.started_ms}


def _error(folder: TaskFolder, ended: ExitRecord) -> Optional[str]:
    left_out = stream.find_artifacts(folder)[1]
    notes = [ended.error] if ended.error else []
    if left_out:
        notes.append("Too large to be uploaded: " + ", ".join(left_out[:20]))
    return _short("\n".join(notes)) if notes else None


def _returned(folder: TaskFolder) -> Any:
    path = os.path.join(folder.scratch, "result.json")
    try:
        with stream.open_artifact(folder, path) as file:
            return json.loads(file.read(MAX_RESULT))
    except (OSError, ValueError):
        return None


def _with_log(folder: TaskFolder, text: str) -> str:
    try:
        said = Path(folder.file("runner.log")).read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return text
    return f"{text}\n{said[-2000:]}" if said else text


def _short(text: Optional[str]) -> Optional[str]:
    return text and text[-MAX_TEXT:]
