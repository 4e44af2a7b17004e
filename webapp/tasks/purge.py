"""Retention: what ended long ago goes for good, and so does what was deleted and not brought back.

A chain of attempts goes as a whole, and only when its last one has ended: nothing unfinished is ever touched. Its output,
files, notes and history go with it, and the counters that pages show go down by what they had counted. Each round takes
a bite, so that nobody else waits long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from webapp.access import audit
from webapp.access.models import Organization
from webapp.db import db
from webapp.events import SYSTEM, Event
from webapp.files import store
from webapp.files.models import File
from webapp.tasks import counts, states
from webapp.tasks.log import output
from webapp.tasks.models import Batch, Task

BITE = 200  # chains
UNDO = timedelta(days=7)  # for so long a deleted task can be brought back
QUIETLY = {"synchronize_session": False}


def old(now: datetime, data: Path, keep: timedelta | None) -> int:
    """How many tasks went. `keep`: for so long after their end tasks stay; None keeps them for ever."""
    return sum(_of(organization, now, data, keep) for organization in db.session.scalars(sa.select(Organization.id)))


def _of(organization_id: int, now: datetime, data: Path, keep: timedelta | None) -> int:
    chains = list(db.session.scalars(_deleted(organization_id, now)))
    if keep is not None and len(chains) < BITE:
        chains += db.session.scalars(_expired(organization_id, now - keep))
    if not chains:
        return 0
    tasks = _attempts(chains[:BITE])
    _remove_bytes(data, tasks)
    counts.count(counts.move(task, task.status, None) for task in tasks if task.counted)
    _remove_rows(tasks)
    audit.record(organization_id, "tasks.purge", "tasks", SYSTEM, now, after={"tasks": len(tasks)})
    return len(tasks)


def _expired(organization_id: int, before: datetime) -> sa.Select[int]:
    # By its creation, for which there is an index: what ended before then was made before then.
    return _last(organization_id, Task.created_at < before, Task.ended_at < before).order_by(Task.created_at)


def _deleted(organization_id: int, now: datetime) -> sa.Select[int]:
    return _last(organization_id, Task.deleted_at < now - UNDO).order_by(Task.deleted_at)


def _last(organization_id: int, *where: sa.ColumnElement[bool]) -> sa.Select[int]:
    """The first attempts of chains whose last one is like this."""
    mine = (Task.organization_id == organization_id, Task.latest, Task.status.in_(states.FINAL))
    root = sa.func.coalesce(Task.original_task_id, Task.id)
    return sa.select(root).where(*mine, *where).limit(BITE).with_for_update(skip_locked=True)


def _attempts(roots: Sequence[int]) -> Sequence[Task]:
    either = sa.or_(Task.id.in_(roots), Task.original_task_id.in_(roots))
    return db.session.scalars(sa.select(Task).where(either)).all()


def _remove_bytes(data: Path, tasks: Sequence[Task]) -> None:
    """Before the rows: what a crash leaves is then found again by the next round, and not kept for ever by nobody."""
    for task in tasks:
        output.remove(output.folder(data, task.uuid))
    left = sa.select(File).where(File.task_id.in_([task.id for task in tasks]))
    for file in db.session.scalars(left):
        store.remove(data, file.organization_id, file.uuid)


def _remove_rows(tasks: Sequence[Task]) -> None:
    """Notes, edges and late results go with their task by the database's own rules."""
    ids = [task.id for task in tasks]
    for model, mine in ((File, File.task_id.in_(ids)), (Event, _history(ids)), (Task, Task.original_task_id.in_(ids))):
        db.session.execute(sa.delete(model).where(mine), execution_options=QUIETLY)
    made_again = sa.update(Task).where(Task.rescheduled_from_id.in_(ids)).values(rescheduled_from_id=None)
    db.session.execute(made_again, execution_options=QUIETLY)
    db.session.execute(sa.delete(Task).where(Task.id.in_(ids)), execution_options=QUIETLY)
    batches = {task.batch_id for task in tasks}
    left = sa.select(Task.id).where(Task.batch_id == Batch.id).exists()
    db.session.execute(sa.delete(Batch).where(Batch.id.in_(batches), ~left), execution_options=QUIETLY)


def _history(ids: Sequence[int]) -> sa.ColumnElement[bool]:
    return sa.and_(Event.subject == "task", Event.subject_id.in_(ids))
