"""What the scheduler comes back to: slots that wait for the run before, targets that are started in bites, and the
schedules of a calendar that was changed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
import structlog

from webapp.agents.models import Agent
from webapp.calendars.models import Calendar
from webapp.db import db, within
from webapp.errors import DATABASE_AWAY
from webapp.schedules import lifecycle, policies, runs, slots, starting, tick
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.starting import STARTERS, Run, Starters
from webapp.schedules.states import REFUSED, End, Status
from webapp.tasks.models import Batch
from webapp.tasks.spec import SpecError

BITE = 200

log = structlog.get_logger("schedules")


def go_on(now: datetime, starters: Starters = STARTERS, most: int = BITE) -> int:
    """Answers how many slots were looked at again."""
    unsettled = sa.select(Slot).where(Slot.look_at <= now).order_by(Slot.look_at, Slot.at).limit(most)
    found = db.session.scalars(unsettled.with_for_update(skip_locked=True)).all()
    for slot in found:
        _alone(slot, now, starters)
    return len(found)


def _alone(slot: Slot, now: datetime, starters: Starters) -> None:
    slot_id = slot.id
    with within(slot.organization_id):
        schedule = db.session.get_one(Schedule, slot.schedule_id)
        try:
            with db.session.begin_nested():
                _come_back(schedule, slot, now, starters)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            log.exception("a slot cannot be started", schedule=schedule.id)
            slots.update(slot_id, end=End.MISSED, reason=REFUSED, text=str(error)[:500], look_at=None, settled_at=now)


def _come_back(schedule: Schedule, slot: Slot, now: datetime, starters: Starters) -> None:
    if slot.end == End.FANNING:
        return _fan_out(schedule, slot, now)
    agent = db.session.scalar(sa.select(Agent).where(Agent.uuid == slot.agent)) if slot.agent else None
    if schedule.overlap != policies.ALLOW and runs.under_way(schedule, agent).batches:
        return slots.look_later(slot.id, now + tick.LOOK_AGAIN)
    return tick.start(schedule, slot.id, slot.agent, now, starters)


def _fan_out(schedule: Schedule, slot: Slot, now: datetime) -> None:
    batch, keys = db.session.get_one(Batch, slot.batch_id), slot.waiting or []
    run = Run(starting.actor(schedule), now, slot_id=slot.id)
    try:
        left = starting.go_on(schedule, run, batch, keys)
    except SpecError as refusal:
        text = f"{len(keys)} were not started: {refusal.errors[0]['message']}"
        slots.update(slot.id, end=End.FIRED, text=text[:500], waiting=None, look_at=None, settled_at=now)
        return
    end = End.FANNING if left else End.FIRED
    slots.update(slot.id, end=end, waiting=left or None, look_at=now if left else None, settled_at=now)


def follow_calendars(now: datetime, most: int = BITE) -> int:
    """The schedules of a changed calendar reckon their next run anew; answers how many did."""
    changed = sa.select(Calendar).where(Calendar.changed_at <= now).order_by(Calendar.changed_at).limit(1)
    calendar = db.session.scalar(changed.with_for_update(skip_locked=True))
    if calendar is None:
        return 0
    behind = sa.select(Schedule).where(
        Schedule.calendar_id == calendar.id, Schedule.deleted_at.is_(None), Schedule.status == Status.ACTIVE,
        sa.or_(Schedule.calendar_version.is_(None), Schedule.calendar_version != calendar.version),
    )  # fmt: skip
    found = db.session.scalars(behind.limit(most).with_for_update()).all()
    for schedule in found:
        with within(schedule.organization_id):
            lifecycle.reckon(schedule, now)
    if len(found) < most:
        calendar.changed_at = None
    return len(found)
