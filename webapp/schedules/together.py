"""Schedules of which one plain run is due are started together: a fire then costs some rows, not a dozen statements.

Plain is an own spec of few tasks with one slot due, in time, and nothing of the schedule under way. All else, and all of
an organisation's when anything at all goes wrong, is left to be settled one by one. What many have alike – the text of
their rule, their last slot, the text of their spec – is read, reckoned and prepared once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa
import structlog

from webapp.bulk import next_ids, update
from webapp.calendars.models import Calendar
from webapp.crash import crash_here
from webapp.db import db, within
from webapp.errors import DATABASE_AWAY
from webapp.events import Actor
from webapp.schedules import judge, lifecycle, plans, policies, slots
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import Slot as Moment
from webapp.schedules.policies import FIRE
from webapp.schedules.starting import Starters, start_spec
from webapp.schedules.states import End, Status
from webapp.tasks import launch, states
from webapp.tasks.launch import Origin, Prepared, Wanted
from webapp.tasks.models import Batch, Task
from webapp.tasks.spec import OBJECT_SET, SpecError, parse
from webapp.tasks.states import Trigger

FEW = 20  # tasks of one fire; a bite of them is written in one transaction

log = structlog.get_logger("schedules")


class Found(NamedTuple):
    """As much of a due schedule as a plain run takes; its rule and its spec as they are stored."""

    id: int
    organization_id: int
    name: str
    version: int
    status: str
    definition_id: int | None
    group_id: int | None
    spec: str | None
    rule: str
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    calendar_id: int | None
    misfire: str
    overlap: str
    seed: str
    last_slot_at: datetime


TEXTS = ("spec", "rule")
COLUMNS = [
    sa.cast(getattr(Schedule, name), sa.Text) if name in TEXTS else getattr(Schedule, name) for name in Found._fields
]


class Turn(NamedTuple):
    """The slot that is due, and what comes after it."""

    slot: Moment
    calendar_version: int | None
    next_run_at: datetime | None
    due_at: datetime | None


class Ready(NamedTuple):
    schedule: Found
    turn: Turn
    prepared: Prepared


def start(found: Sequence[Found], now: datetime, starters: Starters) -> list[Found]:
    """Those that are left, in the order given."""
    if starters.get("spec") is not start_spec:
        return list(found)
    done: set[int] = set()
    for organization_id, several in groupby(sorted(found, key=_home), key=_home):
        with within(organization_id):
            done |= _of_one(list(several), now)
    return [schedule for schedule in found if schedule.id not in done]


def load(some: Sequence[Found]) -> Sequence[Schedule]:
    """The whole of them, as they are stored now."""
    if not some:
        return []
    whole = sa.select(Schedule).where(Schedule.id.in_([each.id for each in some])).order_by(Schedule.due_at)
    return db.session.scalars(whole.execution_options(populate_existing=True)).all()


def _home(schedule: Found) -> int:
    return schedule.organization_id


def _of_one(several: list[Found], now: datetime) -> set[int]:
    busy, alike = _busy(several), Alike(several, now)
    ready = [one for each in several if each.id not in busy and (one := alike.ready(each))]
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


def _busy(several: list[Found]) -> set[int]:
    """Those that have to look at the run before."""
    asks = [each.id for each in several if each.overlap != policies.ALLOW]
    if not asks:
        return set()
    open_tasks = sa.select(Task.schedule_id).where(Task.schedule_id.in_(asks), Task.status.in_(states.OPEN))
    waiting = sa.select(Slot.schedule_id).where(
        Slot.schedule_id.in_(asks), Slot.end == End.WAITING, Slot.look_at.is_not(None)
    )
    return {*db.session.scalars(open_tasks.distinct()), *db.session.scalars(waiting.distinct())}


class Alike:
    """What is worked out for one holds for all that are like it."""

    def __init__(self, several: Iterable[Found], now: datetime) -> None:
        self.now = now
        self.turns: dict[object, Turn | None] = {}
        self.launches: dict[str, Prepared | None] = {}
        named = {each.calendar_id for each in several} - {None}
        self.calendars: dict[int | None, Calendar] = {}
        if named:
            found = db.session.scalars(sa.select(Calendar).where(Calendar.id.in_(named)))
            self.calendars = {calendar.id: calendar for calendar in found}

    def ready(self, schedule: Found) -> Ready | None:
        if schedule.status != Status.ACTIVE or schedule.spec is None or schedule.definition_id or schedule.group_id:
            return None
        try:
            turn = self._turn(schedule)
            prepared = self._prepared(schedule.spec) if turn else None
        except (RuleError, SpecError):
            return None  # told with its reason when it is settled alone
        return Ready(schedule, turn, prepared) if turn and prepared else None

    def _turn(self, schedule: Found) -> Turn | None:
        plan = plans.read(schedule.rule, schedule.timezone, schedule.starts_at, schedule.ends_at)
        seed = schedule.seed if plan.by_chance else ""
        like = (plan, schedule.calendar_id, schedule.misfire, schedule.last_slot_at, seed)
        if like not in self.turns:
            calendar = self.calendars.get(schedule.calendar_id)
            own = replace(plan, calendar=plans.days_off(calendar), seed=plans.seed_of(seed))
            plain = not plan.per_agent and plan.kind != plans.FRESHNESS
            self.turns[like] = _turn(schedule, own, calendar, self.now) if plain else None
        return self.turns[like]

    def _prepared(self, text: str) -> Prepared | None:
        if text not in self.launches:
            spec = parse(json.loads(text))
            if spec.target.kind == OBJECT_SET or spec.options.not_before:
                self.launches[text] = None
            else:
                prepared = launch.prepare(spec, self.now)
                self.launches[text] = prepared if prepared.tasks <= FEW else None
        return self.launches[text]


def _turn(schedule: Found, plan: plans.Plan, calendar: Calendar | None, now: datetime) -> Turn | None:
    due, following = judge.due(schedule, plan, now)
    if due.earlier or [verdict.end for verdict in judge.judged(schedule, due, now)] != [FIRE]:
        return None
    return Turn(due.slots[0], calendar.version if calendar else None, *plans.ahead(plan, following))


def _fire(ready: Sequence[Ready], now: datetime) -> None:
    """A slot that another scheduler has settled meanwhile starts nothing here."""
    numbers = list(zip(ready, next_ids(Slot, len(ready)), next_ids(Batch, len(ready)), strict=True))
    mine = slots.insert_all([_slot(one, slot_id, batch_id, now) for one, slot_id, batch_id in numbers])
    wanted = [_wanted(one, slot_id, batch_id) for one, slot_id, batch_id in numbers if slot_id in mine]
    launch.launch_all(wanted, Trigger.SCHEDULE, now)
    crash_here("fired")
    update(Schedule, [_after(one) | {"last_run_at": now} for one, slot_id, _ in numbers if slot_id in mine])
    update(Schedule, [_after(one) for one, slot_id, _ in numbers if slot_id not in mine])
    for schedule in load([one.schedule for one in ready if one.turn.next_run_at is None]):
        lifecycle.complete_at_end(schedule, now)


def _slot(one: Ready, slot_id: int, batch_id: int, now: datetime) -> dict[str, Any]:
    moment, (number, organization_id, _, version, *_) = one.turn.slot, one.schedule
    return slots.row(organization_id, number, version, moment.at, End.FIRED, now) | {
        "id": slot_id, "batch_id": batch_id, "note": moment.note, "moved_from": moment.moved_from,
        "calendar_version": one.turn.calendar_version,
    }  # fmt: skip


def _wanted(one: Ready, slot_id: int, batch_id: int) -> Wanted:
    whence = Origin(schedule_id=one.schedule.id, slot_id=slot_id)
    return Wanted(one.prepared, Actor("schedule", one.schedule.name), whence, batch_id)


def _after(one: Ready) -> dict[str, Any]:
    return {
        "id": one.schedule.id, "organization_id": one.schedule.organization_id, "last_slot_at": one.turn.slot.at,
        "next_run_at": one.turn.next_run_at, "due_at": one.turn.due_at,
    }  # fmt: skip
