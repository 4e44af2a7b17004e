"""Schedules for tests, made and ticked as in life, with a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from webapp.db import db, system_scope, within
from webapp.events import Actor
from webapp.schedules import draft, later, lifecycle, tick
from webapp.schedules.models import Schedule, Slot
from webapp.tasks.models import Batch, Task

ANN = Actor("user", "ann", 1)
DEMO = {"type": "plugin", "data": {"plugin_id": "demo", "input_data": ["a"]}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(organization_id: int, rule: dict[str, Any], now: datetime, **given: Any) -> Schedule:
    with within(organization_id):
        made = lifecycle.create(draft.read({"spec": DEMO, "rule": rule} | given, now), ANN, now)
    db.session.commit()
    return made


def ticked(*moments: datetime) -> int:
    """As the scheduler does it: until nothing is due at each of these moments, each bite a transaction."""
    done = 0
    for now in moments:
        with system_scope("test scheduler"):
            while tick.tick(now):
                db.session.commit()
                done += 1
            later.go_on(now)
            db.session.commit()
    return done


def slots(of: Schedule) -> list[Slot]:
    found = sa.select(Slot).where(Slot.schedule_id == of.id).order_by(Slot.at, Slot.agent)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))


def ends(of: Schedule) -> list[tuple[str, str, str | None]]:
    """What became of each slot, as (time, end, reason)."""
    return [(f"{slot.at:%m-%dT%H:%M}", slot.end, slot.reason) for slot in slots(of)]


def tasks(of: Schedule) -> list[Task]:
    found = sa.select(Task).where(Task.schedule_id == of.id).order_by(Task.id)
    return list(db.session.scalars(found.execution_options(populate_existing=True)))


def batches(of: Schedule) -> list[Batch]:
    ids = dict.fromkeys(task.batch_id for task in tasks(of))
    return [db.session.get_one(Batch, batch_id) for batch_id in ids]


def fresh(of: Schedule) -> Schedule:
    db.session.refresh(of)
    return of
