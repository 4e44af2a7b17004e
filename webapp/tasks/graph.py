"""Edges between tasks. Each is consumed once, under the row's own guard, so that the last of many parents
that end together releases the child exactly once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from webapp.db import db
from webapp.tasks import states
from webapp.tasks.models import Edge, Task
from webapp.tasks.states import Status

SATISFIED = {
    "succeeded": frozenset({Status.COMPLETED, Status.SKIPPED}),
    "failed": frozenset({Status.FAILED, Status.EXPIRED, Status.TERMINATED}),
    "ended": states.FINAL,
}


# Made once, since most tasks end without children, and to make it takes longer than to run it.
HELD_BY = sa.select(Edge).where(Edge.parent_id == sa.bindparam("parent"), Edge.consumed_at.is_(None))


def consume(parent: Task, now: datetime) -> list[Task]:
    """The children that nothing holds any longer, now that this parent's chain has ended."""
    edges = db.session.scalars(HELD_BY, {"parent": parent.root_id}).all()
    ready = [_consume(edge, parent, now) for edge in edges]
    return [child for child in ready if child is not None]


def _consume(edge: Edge, parent: Task, now: datetime) -> Task | None:
    met = parent.status in SATISFIED[edge.on]
    taken = db.session.execute(
        sa.update(Edge).where(Edge.id == edge.id, Edge.consumed_at.is_(None)).values(consumed_at=now, met=met),
        execution_options={"synchronize_session": False},
    )
    if taken.rowcount == 0 or not met:  # type: ignore[attr-defined]
        return None
    left = db.session.execute(
        sa.update(Task)
        .where(Task.id == edge.child_id)
        .values(pending_parents=Task.pending_parents - 1)
        .returning(Task.pending_parents),
        execution_options={"synchronize_session": False},
    ).scalar_one()
    if left > 0:
        return None
    child = db.session.get(Task, edge.child_id, populate_existing=True)
    return child if child is not None and child.status == Status.BLOCKED else None
