"""The schedule that made a task, as the task's page tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import defer

from webapp.db import db
from webapp.schedules.models import Schedule, Slot
from webapp.tasks.models import Task


@dataclass(frozen=True)
class DueBy:
    """The schedule of a task, and the moment that it was due at. One that was deleted has no page."""

    name: str
    href: str
    at: datetime | None = None
    slot_href: str = ""


def due_by(task: Task) -> DueBy | None:
    if not task.schedule_id:
        return None
    schedule = db.session.get(Schedule, task.schedule_id, options=(defer(Schedule.spec),))
    slot = db.session.execute(sa.select(Slot.id, Slot.at).where(Slot.id == task.slot_id)).first()
    if schedule is None or schedule.deleted_at:
        return DueBy(schedule.name if schedule else "", "", slot.at if slot else None)
    path = f"/tasks/schedules/{schedule.id}"
    if slot is None:
        return DueBy(schedule.name, path)
    return DueBy(schedule.name, path, slot.at, f"{path}?before={slot.at.timestamp() + 1:.6f}#p-{slot.id}")
