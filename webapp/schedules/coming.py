"""What schedules will start: the next ones, and all of a day or week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.db import db
from webapp.schedules import each_agent, engine, plans
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule
from webapp.schedules.queries import PLAIN
from webapp.schedules.states import Status


def next_up(limit: int = 10) -> Sequence[Schedule]:
    """Those that run next, whatever they run."""
    rows = sa.select(Schedule).options(*PLAIN).where(Schedule.next_run_at.is_not(None), Schedule.deleted_at.is_(None))
    return db.session.scalars(rows.order_by(Schedule.next_run_at).limit(limit)).all()


@dataclass
class Row:
    """One schedule in the timeline: its runs, at most so many of them."""

    schedule: Schedule
    at: list[datetime]
    more: bool


def upcoming(now: datetime, span: timedelta, most: int = 100, each: int = 300) -> list[Row]:
    """Those that run within the span, the next one first."""
    rows = (
        sa.select(Schedule)
        .options(*PLAIN)
        .where(Schedule.next_run_at <= now + span, Schedule.deleted_at.is_(None), Schedule.status == Status.ACTIVE)
        .order_by(Schedule.next_run_at, Schedule.id)
    )
    return [_row(schedule, now, now + span, each) for schedule in db.session.scalars(rows.limit(most))]


def _row(schedule: Schedule, now: datetime, until: datetime, each: int) -> Row:
    try:
        plan = plans.plan_of(schedule)
    except RuleError:
        return Row(schedule, [], False)
    if plan.kind == plans.FRESHNESS:
        return Row(schedule, [], True)
    begin = max(now, schedule.last_slot_at)
    own = each_agent.plans_of(schedule, plan, now) if plan.per_agent else [plan]
    slots = [slot for one in own for slot in engine.slots(one, begin, until, each + 1)][: each + 1]
    return Row(schedule, sorted(slot.at for slot in slots[:each] if not slot.skipped), len(slots) > each)
