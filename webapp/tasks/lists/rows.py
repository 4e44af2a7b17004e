"""Tasks one by one, for programs: the newest act first, and within it the newest task. Pages list batches: queries.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.events import Event
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.matching import Part, in_order
from webapp.tasks.models import Batch, Task
from webapp.tasks.notes.models import Note

Place = tuple[int, int]  # batch and task: where a piece of the list begins


def newest(chosen: Filter, limit: int, after: Place | None = None) -> list[Task]:
    """In the order of the lists' own indexes."""
    return at(beyond(chosen, limit, after))


def beyond(
    chosen: Filter, limit: int, after: Place | None = None, before: Place | None = None, *, latest: bool = False
) -> list[Place]:
    """The next places after one, or those before it; whichever, the newest first. `latest`: of each chain one attempt."""
    also = [Task.latest.is_(True)] if latest else []
    parts = [part._replace(conditions=[*part.conditions, *also]) for part in in_order(chosen)]
    # A sum is in no index: what is filtered is found by the index of a filter, and sorted within each act.
    tie = Task.id if chosen.empty else Task.id + sa.literal_column("0")
    found = {place for part in parts for place in _places(part, tie, limit, after, before)}
    nearest = sorted(found, reverse=before is None)[:limit]
    return nearest if before is None else nearest[::-1]


def at(places: Sequence[Place]) -> list[Task]:
    ids = [task_id for _, task_id in places]
    tasks = {task.id: task for task in db.session.scalars(sa.select(Task).where(Task.id.in_(ids)))}
    return [tasks[task_id] for task_id in ids if task_id in tasks]


def ticked(values: Iterable[str], limit: int) -> list[str]:
    """The ids of what is ticked in a list: tasks, and batches as `<id>*<how many>`, which stand for all their tasks."""
    found: dict[str, None] = {}
    for each in values:
        uuid, several, _ = each.partition("*")
        batch = db.session.scalar(sa.select(Batch).where(Batch.uuid == uuid)) if several else None
        found |= dict.fromkeys((of_batch(batch, limit) if batch else []) if several else [uuid])
    return list(found)


def places_of(uuids: Sequence[str]) -> list[Place]:
    """Where those that can be seen stand, in the order of lists."""
    found: list[Place] = []
    for begin in range(0, len(uuids), 500):
        bite = sa.select(Task.batch_id, Task.id).where(Task.uuid.in_(uuids[begin : begin + 500]))
        found += [(row.batch_id, row.id) for row in db.session.execute(bite.where(Task.deleted_at.is_(None)))]
    return sorted(found, reverse=True)


def of_batch(batch: Batch, limit: int) -> Sequence[str]:
    """The ids of its tasks, the latest attempt of each."""
    mine = sa.select(Task.uuid).where(Task.batch_id == batch.id, Task.deleted_at.is_(None), Task.latest.is_(True))
    return db.session.scalars(mine.order_by(Task.id).limit(limit)).all()


def organizations(uuids: Sequence[str]) -> dict[str, int]:
    """Whose these tasks are, of those that can be seen."""
    found: dict[str, int] = {}
    for begin in range(0, len(uuids), 500):
        bite = sa.select(Task.uuid, Task.organization_id).where(Task.uuid.in_(uuids[begin : begin + 500]))
        found |= {row.uuid: row.organization_id for row in db.session.execute(bite)}
    return found


def notes_of(task: Task) -> sa.Select[Note]:
    return sa.select(Note).where(Note.task_id == task.id, Note.deleted_at.is_(None))


def events_of(task: Task) -> sa.Select[Event]:
    return sa.select(Event).where(Event.subject == "task", Event.subject_id == task.id)


def _places(part: Part, tie: Any, limit: int, after: Place | None, before: Place | None) -> list[Place]:
    rows = sa.select(Task.batch_id, Task.id).where(*part.conditions)
    order = (part.key.desc(), tie.desc())
    if before is not None:
        batch_id, task_id = before
        rows = rows.where(part.key >= batch_id, sa.or_(Task.batch_id > batch_id, Task.id > task_id))
        order = (part.key.asc(), tie.asc())
    elif after is not None:
        batch_id, task_id = after
        rows = rows.where(part.key <= batch_id, sa.or_(Task.batch_id < batch_id, Task.id < task_id))
    return [(batch_id, task_id) for batch_id, task_id in db.session.execute(rows.order_by(*order).limit(limit))]
