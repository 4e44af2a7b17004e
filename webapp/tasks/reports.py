"""An agent's last word about a task: taken once, in time or late, and never thrown away.

Agents repeat what they believe unheard, so the same word again gets the same answer. One that comes when the lease is
void is kept as evidence; where the failure was only inferred and nothing newer has started, it is the truth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from webapp import events
from webapp.bulk import upsert
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks import lifecycle, moves, states
from webapp.tasks.lifecycle import End, Lease
from webapp.tasks.log import output
from webapp.tasks.models import LateResult, Task
from webapp.tasks.states import Status

STREAMS = ("stdout", "stderr")
EVIDENCE_KEPT = 20  # different late words about one task

Verb = Callable[[Task, Lease, Actor, datetime, End], None]


def hand_in(task: Task, lease: Lease, verb: Verb, end: End, body: dict[str, Any], by: Actor, now: datetime) -> bool:
    """True when it came late. `verb` makes the end where the lease holds; `body` is the message, for comparing."""
    word = digest(body)
    if task.report_sha256 == word:
        return task.late
    if holds(task, lease):
        verb(task, lease, by, now, end)
        moves.update(task, now, report_sha256=word)
        return False
    _keep(task, lease, body, word, now)
    if resolvable(task, lease) and lifecycle.resolve_late(task, by, now, end):
        moves.update(task, now, report_sha256=word)
        db.session.execute(_evidence(task).where(LateResult.body_sha256 == word).values(resolved=True),
                           execution_options={"synchronize_session": False})  # fmt: skip
    return True


def holds(task: Task, lease: Lease) -> bool:
    return task.status in states.LEASED and _is_its(task, lease)


def resolvable(task: Task, lease: Lease) -> bool:
    """Its failure was inferred while this lease was the last one."""
    return task.status == Status.FAILED and not task.outcome_known and _is_its(task, lease)


def may_write(task: Task, lease: Lease) -> bool:
    """Whether output and files of this lease still belong to the task."""
    return (task.status in states.STARTED and _is_its(task, lease)) or resolvable(task, lease)


def missing(folder: Path, announced: dict[str, int]) -> dict[str, int]:
    """The streams that are shorter than announced, and how much of each there is. The index is only a help."""
    have = output.sizes(folder)
    return {name: have[name] for name in STREAMS if have[name] < announced.get(name, 0)}


def differing(folder: Path, announced: dict[str, str]) -> list[str]:
    """The streams whose bytes are not those that were hashed on the host."""
    return [name for name in STREAMS if name in announced and output.digest(folder, name) != announced[name]]


def note_difference(task: Task, streams: list[str], by: Actor, now: datetime) -> None:
    text = f"The stored {' and '.join(streams)} differ from what the host hashed"
    events.record(task.organization_id, "task.output_differs", "task", task.id, by, now, text=text)


def grown(task: Task, lease: Lease, stream: str, size: int) -> None:
    """So much of a stream has arrived, and this lease may say so."""
    column = Task.stdout_size if stream == "stdout" else Task.stderr_size
    grow = _under(task, lease).where(column < size).values({column.key: size})
    db.session.execute(grow, execution_options={"synchronize_session": False})


def count_file(task: Task, lease: Lease) -> bool:
    """One more file, if this lease may still leave one."""
    more = _under(task, lease).values(file_count=Task.file_count + 1)
    done = db.session.execute(more, execution_options={"synchronize_session": False})
    return bool(done.rowcount)  # type: ignore[attr-defined]


def digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _under(task: Task, lease: Lease) -> sa.Update:
    """What `may_write` says, as the database sees it now."""
    inferred = sa.and_(Task.status == Status.FAILED, Task.outcome_known.is_(False))
    return sa.update(Task).where(Task.id == task.id, *lease.guard, sa.or_(Task.status.in_(states.STARTED), inferred))


def _is_its(task: Task, lease: Lease) -> bool:
    return task.lease_seq == lease.seq and task.token_hash == moves.hashed(lease.token)


def _keep(task: Task, lease: Lease, body: dict[str, Any], word: str, now: datetime) -> None:
    kept = (
        db.session.scalar(sa.select(sa.func.count()).select_from(LateResult).where(LateResult.task_id == task.id)) or 0
    )
    if kept >= EVIDENCE_KEPT:
        raise Refused("different", _("More than enough has been said about this task"))
    row = {
        "organization_id": task.organization_id, "task_id": task.id, "lease_seq": lease.seq, "body_sha256": word,
        "body": {name: value for name, value in body.items() if name != "token"}, "at": now, "resolved": False,
    }  # fmt: skip
    upsert(LateResult, [row], ["task_id", "lease_seq", "body_sha256"], [])


def _evidence(task: Task) -> sa.Update:
    return sa.update(LateResult).where(LateResult.task_id == task.id)
