"""How an agent says that a task has ended: its three last words, each taken once, in time or late."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask import current_app

from webapp import clock
from webapp.agent_api.auth import actor, own_task, writing
from webapp.agent_api.refusals import refuse
from webapp.db import db
from webapp.tasks import lifecycle, reports
from webapp.tasks.lifecycle import End, Lease
from webapp.tasks.log import journals, output
from webapp.tasks.models import Task
from webapp.tasks.states import NEVER_STARTED, TERMINATED_CODE
from workers.agent.protocol import MAX_RESULT, MAX_TEXT, CancelledRequest, Code, FailRequest, ResultRequest

Json = dict[str, Any]


def result(task: Task, message: ResultRequest, body: Json) -> bool | str:
    """True, or "late"."""
    lease = Lease(message.lease_seq, message.token)
    differing: list[str] = []
    if reports.may_write(task, lease):
        differing = _require_output(task, message)
    late = _hand_in(task, lease, lifecycle.finish, _ended(task, message), body, differing)
    journals.queue(_data(), task.uuid)
    return "late" if late else True


def fail(task: Task, message: FailRequest, body: Json) -> None:
    end = End(NEVER_STARTED, reason=message.reason, error=_text(message.error), traceback=_text(message.traceback))
    _require_news(task, Lease(message.lease_seq, message.token), body)
    _hand_in(task, Lease(message.lease_seq, message.token), lifecycle.fail, end, body)


def cancelled(task: Task, message: CancelledRequest, body: Json) -> None:
    lease = Lease(message.lease_seq, message.token)
    _require_news(task, lease, body)
    have = output.sizes(_folder(task))
    end = End(TERMINATED_CODE, signal=_signal(message.signal), reason="cancelled", error=_escaped(message.escaped),
              dropped_bytes=max(0, message.dropped_bytes), stdout_size=have["stdout"], stderr_size=have["stderr"])  # fmt: skip
    _hand_in(task, lease, lifecycle.stopped, end, body)


def exit_code(code: int) -> int:
    if not -1 <= code <= 65_535:
        refuse(422, Code.BAD_MESSAGE, "exit_code is out of range")
    return code


def _hand_in(
    task: Task, lease: Lease, verb: reports.Verb, end: End, body: Json, differing: list[str] | None = None
) -> bool:
    uuid, now = task.uuid, clock.now()
    writing()
    task = own_task(uuid, lock=True)  # whoever gives it up in this instant must not make the word a stale one
    late = reports.hand_in(task, lease, verb, end, body, actor(), now)
    if differing and task.report_sha256 == reports.digest(body):  # or it is only evidence, of what is not stored
        reports.note_difference(task, differing, actor(), now)
    db.session.commit()
    output.settle(_folder(task))
    return late


def _require_output(task: Task, message: ResultRequest) -> list[str]:
    """All of it has to be here first. Bytes that differ are noted; sending them again would not change them."""
    if task.report_sha256 is not None:
        return []
    folder = _folder(task)
    if missing := reports.missing(folder, message.sizes):
        refuse(412, Code.INCOMPLETE, "Some output has not arrived", missing=missing)
    return reports.differing(folder, message.sha256)


def _require_news(task: Task, lease: Lease, body: Json) -> None:
    """What never ran, or was stopped as asked, is no evidence against what the row says already."""
    known = task.report_sha256 == reports.digest(body)
    if not (known or reports.holds(task, lease) or reports.resolvable(task, lease)):
        refuse(409, Code.STALE, f"This task is {task.looks.label}")


def _ended(task: Task, message: ResultRequest) -> End:
    have = output.sizes(_folder(task))
    error = "\n".join(part for part in (_text(message.error), _escaped(message.escaped)) if part)
    return End(
        exit_code=exit_code(message.exit_code), signal=_signal(message.signal), reason=message.reason,
        error=error or None, traceback=_text(message.traceback), outcome_known=message.outcome_known,
        result=_returned(message.result), dropped_bytes=max(0, message.dropped_bytes), stdout_size=have["stdout"], stderr_size=have["stderr"],
    )  # fmt: skip


def _returned(value: Any) -> Json | None:
    if value is None:
        return None
    if len(json.dumps(value)) > MAX_RESULT:
        refuse(413, Code.TOO_LARGE, f"A result has at most {MAX_RESULT} bytes")
    return value if isinstance(value, dict) else {"value": value}


def _escaped(count: int) -> str | None:
    if count < 1:
        return None
    return f"{count} process{'es' if count > 1 else ''} of it could not be killed and may still run"


def _signal(number: int | None) -> int | None:
    return number if number is not None and 0 < number < 256 else None


def _text(text: str | None) -> str | None:
    return text[-MAX_TEXT:] if text else None


def _folder(task: Task) -> Path:
    return output.folder(_data(), task.uuid)


def _data() -> Path:
    data: Path = current_app.extensions["settings"].data
    return data
