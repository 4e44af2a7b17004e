"""Schedules of which one plain run is due are started together: a fire then costs some rows, not a dozen statements.

Plain is a spec for the server's own workers with one slot due, in time, and nothing of the schedule under way. All else,
and all of an organisation's when anything at all goes wrong, is left to be settled one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa
import structlog

from webapp.crash import crash_here
from webapp.db import db, within
from webapp.errors import DATABASE_AWAY
from webapp.schedules import judge, lifecycle, plans, policies, slots, starting
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import Plan
from webapp.schedules.plan import Slot as Moment
from webapp.schedules.policies import FIRE
from webapp.schedules.starting import Starters, points_at, start_spec
from webapp.schedules.states import End
from webapp.tasks import launch, states
from webapp.tasks.launch import Origin, Prepared, Wanted
from webapp.tasks.models import Task
from webapp.tasks.spec import SpecError, parse
from webapp.tasks.states import Trigger

log = structlog.get_logger("schedules")


class Ready(NamedTuple):
    schedule: Schedule
    plan: Plan
    prepared: Prepared
    moment: Moment
    following: Moment | None


def start(found: Sequence[Schedule], now: datetime, starters: Starters) -> list[Schedule]:
    """Those that are left, in the order given."""
    if len(found) < 2 or starters.get("spec") is not start_spec:
        return list(found)
    done: set[int] = set()
    for organization_id, several in groupby(sorted(found, key=_home), key=_home):
        with within(organization_id):
            done |= _of_one(list(several), now)
    return [schedule for schedule in found if schedule.id not in done]


def _home(schedule: Schedule) -> int:
    return schedule.organization_id


def _of_one(several: list[Schedule], now: datetime) -> set[int]:
    busy = _busy(several)
    known: dict[str, Prepared] = {}
    ready = [one for each in several if each.id not in busy and (one := _ready(each, known, now))]
    if not ready:
        return set()
    try:
        with db.session.begin_nested():
            _fire(ready, now)
    except DATABASE_AWAY:
        raise
    except Exception:
        log.exception("schedules could not be started together", count=len(ready))
        return set()
    return {one.schedule.id for one in ready}


def _busy(several: list[Schedule]) -> set[int]:
    """Those that have to look at the run before."""
    asks = [each.id for each in several if each.overlap != policies.ALLOW]
    if not asks:
        return set()
    open_tasks = sa.select(Task.schedule_id).where(Task.schedule_id.in_(asks), Task.status.in_(states.OPEN))
    waiting = sa.select(Slot.schedule_id).where(
        Slot.schedule_id.in_(asks), Slot.end == End.WAITING, Slot.look_at.is_not(None)
    )
    return {*db.session.scalars(open_tasks.distinct()), *db.session.scalars(waiting.distinct())}


def _ready(schedule: Schedule, known: dict[str, Prepared], now: datetime) -> Ready | None:
    if not schedule.active or points_at(schedule) != "spec":
        return None
    try:
        plan = plans.plan_of(schedule)
        if plan.per_agent or plan.kind == plans.FRESHNESS:
            return None
        found, following = judge.due(schedule, plan, now)
        if found.earlier or [verdict.end for verdict in judge.judged(schedule, found, now)] != [FIRE]:
            return None
        written = repr(schedule.spec)
        if written not in known:  # many run the same
            known[written] = launch.prepare(parse(schedule.spec or {}), now)
        prepared = known[written]
    except (RuleError, SpecError):
        return None  # told with its reason when it is settled alone
    return Ready(schedule, plan, prepared, found.slots[0], following) if prepared.on_workers else None


def _fire(ready: list[Ready], now: datetime) -> None:
    """A slot that another scheduler has settled meanwhile starts nothing here."""
    ids = slots.insert_all([(one.schedule, one.moment) for one in ready], now)
    fresh = [one for one in ready if one.schedule.id in ids]
    wanted = [_wanted(one.schedule, one.prepared, ids[one.schedule.id]) for one in fresh]
    batches = launch.launch_all(wanted, Trigger.SCHEDULE, now)
    crash_here("fired")
    slots.settle_all([(ids[one.schedule.id], batch) for one, batch in zip(fresh, batches, strict=True)], now)
    for one in ready:
        one.schedule.last_slot_at = one.moment.at
        one.schedule.last_run_at = now if one.schedule.id in ids else one.schedule.last_run_at
        plans.look_ahead(one.schedule, one.plan, one.following)
    db.session.flush()
    for one in ready:
        lifecycle.complete_at_end(one.schedule, now)


def _wanted(schedule: Schedule, prepared: Prepared, slot_id: int) -> Wanted:
    return Wanted(prepared, starting.actor(schedule), Origin(schedule_id=schedule.id, slot_id=slot_id))
