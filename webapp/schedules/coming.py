"""What schedules will start: the next ones, and all of a day or week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.schedules import each_agent, engine, plans
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule
from webapp.schedules.preview import shown
from webapp.schedules.queries import PLAIN, STRIP
from webapp.schedules.states import Status


def ahead(schedule: Schedule, now: datetime, number: int = STRIP) -> list[dict[str, Any]]:
    """What it will do, as the preview tells it; where each agent has a time of its own, that of all of them."""
    try:
        plan = plans.plan_of(schedule)
    except RuleError:
        return []
    begin = max(now, schedule.resume_at or now) if schedule.paused else now
    begin = max(begin, schedule.last_slot_at)
    if not plan.per_agent:
        return [shown(slot) for slot in engine.preview(plan, begin, number)["slots"]]
    turns = islice(each_agent.ahead(schedule, plan, begin, now), number)
    return [shown(engine.as_json(own, slot)) | {"agent": agent.hostname} for agent, own, slot in turns]


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
    slots = list(islice((slot for one in own for slot in engine.slots(one, begin, until, each + 1)), each + 1))
    return Row(schedule, sorted(slot.at for slot in slots[:each] if not slot.skipped), len(slots) > each)
