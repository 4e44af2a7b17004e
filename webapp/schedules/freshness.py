"""Object sets kept fresh: each minute, those members that the plugin has not covered for so long.

Covered are members with an open run, and those with one that completed within the interval, whoever started it.
What failed is tried again after 30 s, doubling to 15 minutes, and not only after a whole interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from webapp.crash import crash_here
from webapp.db import db
from webapp.objects import sets, types
from webapp.schedules import engine, plans, slots, starting
from webapp.schedules.models import Schedule
from webapp.schedules.plan import Plan
from webapp.schedules.starting import Run
from webapp.schedules.states import REFUSED, End
from webapp.tasks import states
from webapp.tasks.models import Task
from webapp.tasks.spec import Spec, SpecError, parse
from webapp.tasks.states import Status

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=30), timedelta(minutes=15)
NEXT_BITE = timedelta(seconds=1)
CHUNK = 300  # keys in one statement; each is looked for under two names


def look(schedule: Schedule, plan: Plan, now: datetime) -> int:
    """One look: how many members it has started. A day off is passed over; what is more than one bite follows soon."""
    started = 0
    for minute in engine.slots(plan, now - plans.LOOK, now, 1):
        if minute.skipped:
            slots.skip_for_holiday(schedule, plan, minute, now)
        else:
            started = _start(schedule, plan, now)
    schedule.last_slot_at = max(schedule.last_slot_at, now)
    plans.look_ahead(schedule, plan, engine.next_slot(plan, now))
    if started == starting.BITE:
        schedule.due_at = now + NEXT_BITE
    return started


def stale(schedule: Schedule, plan: Plan, now: datetime, most: int) -> list[str]:
    """The members that are due, in the set's order."""
    spec = parse(schedule.spec or {})
    found: list[str] = []
    members = _members(schedule, spec, now)
    while keys := list(islice(members, CHUNK)):
        found += _uncovered(schedule.organization_id, spec, keys, plan.rule.every, now)
        if len(found) >= most:
            break
    return found[:most]


def _start(schedule: Schedule, plan: Plan, now: datetime) -> int:
    keys = stale(schedule, plan, now, starting.BITE)
    if not keys:
        return 0
    slot_id = slots.insert(schedule, now, End.WAITING, now, count=len(keys))
    if slot_id is None:
        return 0
    run = Run(starting.actor(schedule), now, slot_id=slot_id)
    try:
        started = starting.start_members(schedule, run, parse(schedule.spec or {}), keys)
    except SpecError as refusal:
        text = ". ".join(each["message"] for each in refusal.errors)
        slots.update(slot_id, end=End.MISSED, reason=REFUSED, text=text[:500], settled_at=now)
        return 0
    crash_here("fired")
    slots.settle_started(slot_id, started, now)
    schedule.last_run_at = now
    return len(keys)


def _members(schedule: Schedule, spec: Spec, now: datetime) -> Iterator[str]:
    found = sets.find(spec.target.names[0], schedule.organization_id) if spec.target.names else None
    return sets.keys(found, now) if found else iter(())


def _uncovered(organization_id: int, spec: Spec, keys: Sequence[str], every: timedelta, now: datetime) -> list[str]:
    names = {name: key for key in keys for name in _names(key)}
    rows = db.session.execute(
        sa.select(Task.input, Task.status, Task.ended_at)
        .where(
            Task.organization_id == organization_id, Task.plugin_id == spec.data.get("plugin_id"), Task.input.in_(names),
            sa.or_(Task.status.in_(states.OPEN), Task.ended_at > now - every),
        )
        .order_by(Task.ended_at)
    )  # fmt: skip
    fails: dict[str, tuple[int, Any]] = {}
    covered: set[str] = set()
    for name, status, ended_at in rows:
        key = names[name]
        if status in states.OPEN or status == Status.COMPLETED:
            covered.add(key)
        else:
            fails[key] = fails.get(key, (0, ended_at))[0] + 1, ended_at
    return [key for key in keys if key not in covered and _tried_again(fails.get(key), now)]


def _tried_again(failed: tuple[int, datetime] | None, now: datetime) -> bool:
    if failed is None:
        return True
    times, last = failed
    return now >= last + min(FIRST_DELAY * 2 ** min(times - 1, 10), LONGEST_DELAY)


def _names(key: str) -> list[str]:
    """As tasks name it: by its key, or on the internet by its value alone."""
    network, _, value = key.partition("|")
    return [key[:300], value[:300]] if network == types.INTERNET and value else [key[:300]]
