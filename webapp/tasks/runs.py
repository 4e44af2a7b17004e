"""Runs of the same thing: how long it usually takes, how the last ones ended, when this one should be over.

The same is: of the same definition, or the same plugin, command or test with the same input. Only the newest tasks
of the kind are looked through, so that a page costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.language import _
from webapp.tasks.models import Task
from webapp.tasks.states import LOOKS, Status

LOOKED_THROUGH = 1_000
SHOWN = 20
COUNTED = 10  # whose durations say what is usual
SURE_AFTER = timedelta(seconds=10)  # before, a reported progress says little about the end


@dataclass(frozen=True)
class Runs:
    """Oldest first."""

    task: Task
    shown: Sequence[Any]
    usual: float | None  # seconds

    @property
    def newer(self) -> Any:
        return next((run for run in self.shown if run.id > self.task.id), None)

    @property
    def older(self) -> Any:
        return next((run for run in reversed(self.shown) if run.id < self.task.id), None)

    @property
    def marks(self) -> list[dict[str, Any]]:
        """For a strip of links."""
        looks = [LOOKS[Status(run.status)] for run in self.shown]
        return [
            {"tone": look.tone, "shape": look.icon, "href": f"/tasks/{run.uuid}", "current": run.id == self.task.id,
             "label": f"{_(look.label)}, {run.created_at:%Y-%m-%d %H:%M} UTC"}
            for run, look in zip(self.shown, looks, strict=True)
        ]  # fmt: skip

    @property
    def beside_usual(self) -> str:
        """3.1 × slower than usual; nothing where the difference is small or short."""
        took = self.task.run_time.total_seconds() if self.task.run_time else None
        if took is None or not self.usual or abs(took - self.usual) < 1:
            return ""
        if took >= 1.5 * self.usual:
            return _("%(took)s × slower than usual", took=f"{took / self.usual:.1f}")
        return (
            _("%(usual)s × faster than usual", usual=f"{self.usual / max(took, 0.1):.1f}")
            if took <= self.usual / 1.5
            else ""
        )

    @property
    def slower(self) -> bool:
        return bool(self.usual and self.task.run_time and self.task.run_time.total_seconds() > self.usual)

    @property
    def expected_end(self) -> datetime | None:
        task = self.task
        if not task.started or task.started_at is None:
            return None
        so_far = task.updated_at - task.started_at
        if task.progress and so_far >= SURE_AFTER:
            return task.started_at + so_far * 100 / task.progress
        return task.started_at + timedelta(seconds=self.usual) if self.usual else None


def of(task: Task) -> Runs:
    found = list(reversed(db.session.execute(_same(task).limit(SHOWN)).all()))
    lengths = [(run.ended_at - run.started_at).total_seconds() for run in found if _counts(run, task)]
    return Runs(task, found, median(lengths[-COUNTED:]) if lengths else None)


def last_success(task: Task) -> Task | None:
    """The newest before it, or else after it."""
    completed = _same(task, Task.status == Status.COMPLETED, Task.id != task.id).subquery()
    before = sa.case((completed.c.id < task.id, 1), else_=0)
    found = sa.select(Task).join(completed, completed.c.id == Task.id)
    return db.session.scalar(found.order_by(before.desc(), Task.id.desc()).limit(1))


def _counts(run: Any, task: Task) -> bool:
    return (
        run.status == Status.COMPLETED and run.id != task.id and run.started_at is not None and run.ended_at is not None
    )


def _same(task: Task, *more: sa.ColumnElement[bool]) -> Any:
    kind = Task.plugin_id == task.plugin_id if task.plugin_id else Task.type == task.type
    newest = (
        sa.select(Task.id)
        .where(Task.organization_id == task.organization_id, kind, Task.deleted_at.is_(None))
        .order_by(Task.batch_id.desc())
        .limit(LOOKED_THROUGH)
    )
    if task.definition_id:
        alike: tuple[sa.ColumnElement[bool], ...] = (Task.definition_id == task.definition_id,)
    else:
        alike = (Task.what == task.what, Task.input == task.input)
    columns = (Task.id, Task.uuid, Task.status, Task.created_at, Task.started_at, Task.ended_at)
    found: Any = sa.select(*columns).where(Task.id.in_(newest), *alike, *more).order_by(Task.id.desc())
    return found
