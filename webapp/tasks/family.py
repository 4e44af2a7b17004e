"""Tasks that belong together: the attempts of one chain, what it was made again from, what it waits for and releases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from webapp.db import db
from webapp.objects.models import Object, ObjectTask
from webapp.tasks import queries
from webapp.tasks.models import Edge, Task

MOST = 50  # parents or children that are named


@dataclass(frozen=True)
class Family:
    attempts: Sequence[Task]  # oldest first
    origin: Task | None  # of a reschedule
    parents: Sequence[Task]
    children: Sequence[Task]

    @property
    def root(self) -> Task:
        return self.attempts[0]


def of(task: Task) -> Family:
    origin = db.session.get(Task, task.rescheduled_from_id) if task.rescheduled_from_id else None
    parents = _linked(Edge.parent_id, Edge.child_id, task)
    return Family(queries.chain(task), origin, parents, _linked(Edge.child_id, Edge.parent_id, task))


def objects(task: Task, after: int, limit: int) -> Sequence[sa.Row[ObjectTask, Object]]:
    """What it created or saw, in the order in which it did."""
    seen = (
        sa.select(ObjectTask, Object)
        .join(Object, Object.id == ObjectTask.object_id)
        .where(ObjectTask.task_id == task.id, ObjectTask.id > after, Object.deleted_at.is_(None))
    )
    return db.session.execute(seen.order_by(ObjectTask.id).limit(limit)).all()


def _linked(wanted: InstrumentedAttribute[int], known: InstrumentedAttribute[int], task: Task) -> Sequence[Task]:
    """Edges are between first attempts."""
    found = sa.select(Task).join(Edge, wanted == Task.id).where(known == task.root_id, Task.deleted_at.is_(None))
    return db.session.scalars(found.order_by(Task.id).limit(MOST)).all()
