"""Reading tasks: one, a batch's, a page of a list, counts. Never counts beyond a cap, never skips by offset.

A list is a list of batches. A batch shows when one of its tasks matches, newest first, and the page is keyed by
the batch's id, so that the thousandth page costs what the first does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer

from webapp.agents.models import Agent
from webapp.db import db
from webapp.tasks import matching
from webapp.tasks.answers import Answers
from webapp.tasks.filters import Filter
from webapp.tasks.matching import where as where
from webapp.tasks.models import Batch, Count, Edge, Note, Task
from webapp.tasks.states import BAD, FINAL, LOOKS, OPEN, Status

COUNT_CAP = 10_000
ID_CAP = 100_000
TOLD = sorted(Status, key=lambda status: status != Status.COMPLETED)  # how a batch is summed up

# What a row says in a line of text; the rest stays where it is.
ERROR = sa.func.substr(Task.error, 1, 300).label("error")
TARGET = sa.case((Task.agent_name == "", Task.target), else_=None).label("target")
COLUMNS = (
    Task.id, Task.uuid, Task.batch_id, Task.organization_id, Task.type, Task.what, Task.input, Task.executor, Task.owner,
    TARGET, Task.agent_name, Task.status, Task.trigger, Task.retry_number, Task.max_retries, Task.original_task_id,
    Task.latest, Task.created_at, Task.started_at, Task.ended_at, Task.cancel_requested_at, Task.exit_code, Task.outcome,
    Task.reason, ERROR, Task.late, Task.progress, Task.progress_text, Task.note_count, Task.created_by,
    Task.unreachable_at, Task.deleted_at,
)  # fmt: skip
NAMES = [column.key for column in COLUMNS]
ALIVE = sa.exists().where(Task.batch_id == Batch.id, Task.deleted_at.is_(None))


class Row(Answers):
    """A task as lists show it: plain columns, which are read three times as fast as rows that can be changed."""

    def __init__(self, values: sa.Row[Any]) -> None:
        self.__dict__.update(zip(NAMES, values, strict=True))


@dataclass
class Line:
    """A row of the list: a batch with its counts, and its only task when there is one."""

    batch: Batch
    counts: dict[str, int]
    task: Row | None = None

    @property
    def total(chosen: Filter, kept: dict[str, int], cap: int = COUNT_CAP) -> tuple[int, bool]:
    """How many match, from the maintained sums where these can say it; and whether there are only at least so many."""
    if replace(chosen, status=()) == Filter():
        return sum(number for status, number in kept.items() if not chosen.status or status in chosen.statuses), False
    found = count(chosen, cap)
    return found, found >= cap


def count(chosen: Filter, cap: int = COUNT_CAP) -> int:
    """How many tasks match, at most `cap`: counting on would cost more than anybody learns from it."""
    inner = sa.select(Task.id).where(Task.latest.is_(True), *where(chosen)).limit(cap).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(inner)) or 0


def ids(chosen: Filter, cap: int = ID_CAP) -> list[str]:
    """All that match, for acts on many: in the order in which they were made."""
    return list(
        db.session.scalars(
            sa.select(Task.uuid).where(*where(chosen), Task.latest.is_(True)).order_by(Task.id).limit(cap)
        )
    )


def chain(task: Task) -> list[Task]:
    """Its attempts, the first one first."""
    same = sa.or_(Task.id == task.root_id, Task.original_task_id == task.root_id)
    return list(db.session.scalars(sa.select(Task).where(same).order_by(Task.retry_number)))


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
