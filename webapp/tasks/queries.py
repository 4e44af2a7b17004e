"""Reading tasks: by their names, the newest of something, how many match. Never counts beyond a cap.

Pages of the list are in `lists/batches.py` and `lists/singles.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.db import db
from webapp.objects.models import ObjectTask
from webapp.tasks.lists import matching
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.lines import COLUMNS, Row
from webapp.tasks.lists.matching import where as where
from webapp.tasks.models import Batch, Count, Edge, Task
from webapp.tasks.notes.models import Note
from webapp.tasks.of_agents import held as held
from webapp.tasks.of_agents import on_agents as on_agents
from webapp.tasks.of_plugins import uses as uses
from webapp.tasks.states import LOOKS as LOOKS
from webapp.tasks.states import OPEN

COUNT_CAP = 10_000
ID_CAP = 100_000


def by_uuid(uuid: str) -> Task | None:
    """By the whole id, or by a beginning of at least 8 that is only one task's."""
    if len(uuid) == 36:
        return db.session.scalar(sa.select(Task).where(Task.uuid == uuid, Task.deleted_at.is_(None)))
    if len(uuid) < 8:
        return None
    between = Task.uuid.between(uuid, uuid + "~")
    found = db.session.scalars(sa.select(Task).where(between, Task.deleted_at.is_(None)).limit(2)).all()
    return found[0] if len(found) == 1 else None


def by_uuids(uuids: Iterable[str], *, deleted: bool = False) -> dict[str, Task]:
    found: dict[str, Task] = {}
    wanted = list(dict.fromkeys(uuids))
    there = Task.deleted_at.is_not(None) if deleted else Task.deleted_at.is_(None)
    for start in range(0, len(wanted), 500):
        rows = db.session.scalars(sa.select(Task).where(Task.uuid.in_(wanted[start : start + 500]), there))
        found |= {task.uuid: task for task in rows}
    return found


def batch_by_uuid(uuid: str) -> Batch | None:
    return db.session.scalar(sa.select(Batch).where(Batch.uuid == uuid))


def hosts(limit: int) -> list[str]:
    """Names that a filter by agent offers."""
    names = sa.select(Agent.hostname).where(Agent.deleted_at.is_(None)).distinct().order_by(Agent.hostname)
    return list(db.session.scalars(names.limit(limit)))


def counts(organization_ids: Iterable[int]) -> dict[str, int]:
    """How many tasks have each status, from the maintained sums."""
    summed = sa.select(Count.status, sa.func.sum(Count.delta)).where(Count.organization_id.in_(list(organization_ids)))
    return {status: int(total) for status, total in db.session.execute(summed.group_by(Count.status)) if total}


def total(
    chosen: Filter, kept: dict[str, int], cap: int = COUNT_CAP, within: Sequence[int] | None = None
) -> tuple[int, bool]:
    """How many match, from the maintained sums where these can say it; and whether there are only at least so many.

    `within`: the batches of all that match, where a page has found them.
    """
    if replace(chosen, status=()) == Filter():
        return sum(number for status, number in kept.items() if not chosen.status or status in chosen.statuses), False
    found = count(chosen, cap) if within is None else _counted([Task.batch_id.in_(within), *where(chosen)], cap)
    return found, found >= cap


def count(chosen: Filter, cap: int = COUNT_CAP) -> int:
    """How many tasks match, at most `cap`: counting on would cost more than anybody learns from it."""
    found = 0
    for part in matching.in_order(chosen, counting=True):
        found += _counted(part.conditions, cap - found)
        if found >= cap:
            break
    return found


def _counted(conditions: Sequence[sa.ColumnElement[bool]], cap: int) -> int:
    some = sa.select(Task.id).where(Task.latest.is_(True), *conditions).limit(cap).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def ids(chosen: Filter, cap: int = ID_CAP) -> list[str]:
    """All that match, for acts on many: in the order in which they were made."""
    # A sum is in no index: few are found by their own one, and sorted.
    key = Task.id if chosen.empty else Task.id + sa.literal_column("0")
    found: list[tuple[int, str]] = []
    for part in matching.in_order(chosen, counting=True):
        some = sa.select(Task.id, Task.uuid).where(Task.latest.is_(True), *part.conditions)
        found += [(task_id, uuid) for task_id, uuid in db.session.execute(some.order_by(key).limit(cap))]
    return [uuid for _, uuid in sorted(found)[:cap]]


def of_plugin(plugin_id: str, organization_id: int, limit: int) -> list[Row]:
    """Its newest tasks."""
    return _newest(limit, Task.plugin_id == plugin_id, Task.organization_id == organization_id, Task.latest.is_(True))


def that_saw(object_id: int, limit: int) -> list[Row]:
    """The newest tasks that made an object, or saw it again."""
    seen = sa.select(ObjectTask.task_id).where(ObjectTask.object_id == object_id)
    return _newest(limit, Task.id.in_(seen))


def of_agent(agent_id: int, limit: int) -> list[Row]:
    return _newest(limit, Task.agent_id == agent_id)


def _newest(limit: int, *conditions: Any) -> list[Row]:
    rows = sa.select(*COLUMNS).where(*conditions, Task.deleted_at.is_(None))
    newest = rows.order_by(Task.batch_id.desc(), Task.id.desc()).limit(limit)
    return [Row(values) for values in db.session.execute(newest)]


def chain(task: Task) -> list[Task]:
    """Its attempts, the first one first."""
    first = sa.select(Task).where(Task.id == task.root_id)
    later = sa.select(Task).where(matching.rare(Task.original_task_id == task.root_id)).order_by(Task.retry_number)
    return [*db.session.scalars(first), *db.session.scalars(later)]


def notes(task: Task) -> list[Note]:
    return list(
        db.session.scalars(sa.select(Note).where(Note.task_id == task.id, Note.deleted_at.is_(None)).order_by(Note.id))
    )


def parents(task: Task) -> list[Task]:
    return list(
        db.session.scalars(sa.select(Task).join(Edge, Edge.parent_id == Task.id).where(Edge.child_id == task.id))
    )


def open_of_batch(batch: Batch) -> int:
    inside = sa.select(sa.func.count()).select_from(Task).where(Task.batch_id == batch.id, Task.status.in_(OPEN))
    return db.session.scalar(inside) or 0
