"""Reading schedules: a page of the list, one with its slots, who follows a calendar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer, selectinload

from webapp.calendars.days import ONE_DAY, DaysOff
from webapp.calendars.zones import day_start
from webapp.db import db
from webapp.objects.models import ObjectSet
from webapp.schedules import engine, plans
from webapp.schedules.due_by import due_by as due_by
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import TICK
from webapp.schedules.states import End, Status
from webapp.tasks import states
from webapp.tasks.models import Batch, Task

STRIP = 20  # runs in the picture of a row
COUNT_CAP = 1_000
OFFERED = 100  # values of a filter
LATELY = timedelta(days=1)  # for which missed runs are news
# Without what may list a hundred thousand inputs; with the names of object sets, asked once for all.
PLAIN = (defer(Schedule.spec), selectinload(Schedule.object_set))

Tone = tuple[str, str]
RUNNING, BAD, GOOD = ("active", "executing"), ("danger", "failed"), ("success", "completed")
ENDED: dict[str, Tone] = {
    End.WAITING: ("neutral", "pending"),
    End.SKIPPED: ("neutral", "skipped"),
    End.MISSED: ("warning", "warning"),
}


@dataclass(frozen=True)
class Chosen:
    """What a list shows; all of it is in its address."""

    q: str = ""
    status: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    plugin: tuple[str, ...] = ()
    missed_since: datetime | None = None

    @property
    def empty(self) -> bool:
        return self == Chosen()


@dataclass
class Page:
    schedules: Sequence[Schedule] = ()
    more: bool = False
    less: bool = False
    strips: dict[int, list[Tone]] = field(default_factory=dict)


def page(chosen: Chosen, per: int, after: int | None = None, before: int | None = None) -> Page:
    """By name, and keyed by it: the thousandth page costs what the first does."""
    rows = sa.select(Schedule).options(*PLAIN).where(*_where(chosen))
    key = sa.tuple_(Schedule.name, Schedule.id)
    backwards = before is not None
    start = _key(before if backwards else after)
    if start is not None:
        rows = rows.where(key < start if backwards else key > start)
    order = (Schedule.name.desc(), Schedule.id.desc()) if backwards else (Schedule.name, Schedule.id)
    found = list(db.session.scalars(rows.order_by(*order).limit(per + 1)))
    further, found = len(found) > per, found[:per]
    if backwards:
        found.reverse()
    return Page(found, backwards or further, further if backwards else after is not None, strips(found))


def matching(chosen: Chosen) -> sa.Select[Schedule]:
    """All that match, in no order yet."""
    return sa.select(Schedule).where(*_where(chosen))


def count(chosen: Chosen) -> int:
    """At most one more than COUNT_CAP."""
    inner = sa.select(Schedule.id).where(*_where(chosen)).limit(COUNT_CAP + 1).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(inner)) or 0


def makers(schedule_ids: Iterable[int]) -> dict[int, int]:
    """Who made each, of those that are somebody's."""
    made_by = sa.select(Schedule.id, Schedule.created_by_id).where(Schedule.created_by_id.is_not(None))
    return {int(row[0]): int(row[1] or 0) for row in db.session.execute(made_by.where(Schedule.id.in_(schedule_ids)))}


def counts() -> dict[str, int]:
    return {status: count(Chosen(status=(status,))) for status in Status}


def types() -> list[str]:
    return _offered(Schedule.type)


def owners() -> list[str]:
    """Who made those that there are."""
    return _offered(Schedule.created_by)


def plugins() -> list[str]:
    """What they run, where that is a plugin."""
    return _offered(Schedule.plugin_id, Schedule.plugin_id.is_not(None))


def _offered(column: Any, *conditions: Any) -> list[str]:
    found = sa.select(column).distinct().where(*_where(Chosen()), *conditions).order_by(column)
    return list(db.session.scalars(found.limit(OFFERED)))


def following(calendar_id: int, limit: int | None = None) -> Sequence[Schedule]:
    """The schedules that keep to a calendar."""
    return _some(Schedule.calendar_id == calendar_id, limit=limit)


def on_object_set(set_id: int) -> Sequence[Schedule]:
    """The schedules whose target is an object set."""
    return _some(Schedule.object_set_id == set_id)


def of_plugin(plugin_id: str, organization_id: int, limit: int) -> Sequence[Schedule]:
    """Those that run it, the next one first."""
    by_time = (Schedule.next_run_at.is_(None), Schedule.next_run_at)
    return _some(
        Schedule.plugin_id == plugin_id, Schedule.organization_id == organization_id, order=by_time, limit=limit
    )


def _some(*conditions: Any, order: Sequence[Any] = (), limit: int | None = None) -> Sequence[Schedule]:
    rows = sa.select(Schedule).options(*PLAIN).where(*conditions, Schedule.deleted_at.is_(None))
    return db.session.scalars(rows.order_by(*order, Schedule.name, Schedule.id).limit(limit)).all()


@dataclass(frozen=True)
class Taken:
    """What one day off takes from one schedule."""

    schedule: Schedule
    day: date
    name: str
    first: datetime
    count: int


def taken_by_calendar(following: Iterable[Schedule], off: DaysOff, now: datetime, span: timedelta) -> list[Taken]:
    """The runs that would fall on the days off of the time ahead, by day."""
    closed = sorted((day, name) for day, name in off.dates.items() if now.date() <= day <= (now + span).date())
    found = [
        taken
        for schedule in following
        if schedule.active
        for day, name in closed
        if (taken := _taken(schedule, day, name, now))
    ]
    return sorted(found, key=lambda taken: (taken.day, taken.first, taken.schedule.id))


def _taken(schedule: Schedule, day: date, name: str, now: datetime) -> Taken | None:
    try:
        plan = replace(plans.plan_of(schedule), calendar=None)
    except RuleError:
        return None
    begin, end = (day_start(each, plan.zone) - TICK for each in (day, day + ONE_DAY))
    slots = engine.slots(plan, max(begin, now), end, COUNT_CAP)
    return Taken(schedule, day, name, slots[0].at, len(slots)) if slots else None


def followers(calendar_ids: Iterable[int]) -> dict[int, int]:
    counted = sa.select(Schedule.calendar_id, sa.func.count()).where(
        Schedule.calendar_id.in_(list(calendar_ids)), Schedule.deleted_at.is_(None)
    )
    return {row[0] or 0: row[1] for row in db.session.execute(counted.group_by(Schedule.calendar_id))}


def names(ids: Iterable[int]) -> dict[int, str]:
    """Also of deleted ones: history names them."""
    found = sa.select(Schedule.id, Schedule.name).where(Schedule.id.in_(list(ids)))
    return {row.id: row.name for row in db.session.execute(found)}


def choices(limit: int) -> list[tuple[str, str]]:
    """Number and name of those that there are, for a filter."""
    rows = sa.select(Schedule.id, Schedule.name).where(Schedule.deleted_at.is_(None)).order_by(Schedule.name)
    return [(str(row.id), row.name) for row in db.session.execute(rows.limit(limit))]


def usual_zone() -> str:
    """What the newest schedule uses is what the next one probably wants."""
    newest = sa.select(Schedule.timezone).where(Schedule.deleted_at.is_(None)).order_by(Schedule.id.desc()).limit(1)
    return db.session.scalar(newest) or "UTC"


# --- slots ------------------------------------------------------------------------------------------------------


def missed_since(moment: datetime) -> int:
    """How many due moments were missed, of all schedules."""
    return int(db.session.scalar(sa.select(sa.func.sum(Slot.count)).where(*_missed(moment))) or 0)


def _missed(since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Those that nobody has made up for."""
    return Slot.end == End.MISSED, Slot.at >= since, Slot.batch_id.is_(None)


def strips(schedules: Sequence[Schedule]) -> dict[int, list[Tone]]:
    """The last runs of each, oldest first: how they ended."""
    if not schedules:
        return {}
    columns = (Slot.schedule_id, Slot.at, Slot.end, Slot.batch_id)
    newest = [
        sa.select(
            sa.select(*columns).where(Slot.schedule_id == schedule.id).order_by(Slot.at.desc()).limit(STRIP).subquery()
        )
        for schedule in schedules
    ]
    rows = sorted(db.session.execute(sa.union_all(*newest)).all(), key=lambda row: row.at)
    outcomes = outcomes_of(row.batch_id for row in rows if row.batch_id)
    found: dict[int, list[Tone]] = {schedule.id: [] for schedule in schedules}
    for row in rows:
        found[row.schedule_id].append(outcomes.get(row.batch_id) or ENDED.get(row.ended, GOOD))
    return found


def outcomes_of(batch_ids: Iterable[int]) -> dict[int, Tone]:
    """A batch goes on, or one of its tasks ended badly, or all is well: three looks into one index."""
    ids = list(batch_ids)
    if not ids:
        return {}
    alive = sa.select(Task.id).where(Task.batch_id == Batch.id, Task.deleted_at.is_(None), Task.latest.is_(True))
    goes_on = sa.exists(alive.where(Task.status.in_(states.OPEN)))
    bad = sa.exists(alive.where(Task.status.in_(states.BAD)))
    rows = db.session.execute(sa.select(Batch.id, goes_on.label("goes_on"), bad.label("bad")).where(Batch.id.in_(ids)))
    return {row.id: RUNNING if row.goes_on else BAD if row.bad else GOOD for row in rows}


def batches(slots: Iterable[Slot]) -> dict[int, Batch]:
    ids = [slot.batch_id for slot in slots if slot.batch_id]
    rows = sa.select(Batch).options(defer(Batch.spec)).where(Batch.id.in_(ids))
    return {batch.id: batch for batch in db.session.scalars(rows)}


def _where(chosen: Chosen) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [Schedule.deleted_at.is_(None)]
    if chosen.status:
        found.append(Schedule.status.in_(chosen.status))
    if chosen.type:
        found.append(Schedule.type.in_(chosen.type))
    if chosen.calendar:
        found.append(
            Schedule.calendar_id.in_(
                [int(number) for number in chosen.calendar if number.isdecimal() and len(number) < 10]
            )
        )
    if chosen.missed_since:
        found.append(Schedule.id.in_(sa.select(Slot.schedule_id).where(*_missed(chosen.missed_since))))
    if chosen.owner:
        found.append(Schedule.created_by.in_(chosen.owner))
    if chosen.plugin:
        found.append(Schedule.plugin_id.in_(chosen.plugin))
    for word in chosen.q.lower().split():
        columns = (Schedule.name, Schedule.what, Schedule.scope, Schedule.text)
        sets = sa.select(ObjectSet.id).where(_has(ObjectSet.name, word))
        found.append(sa.or_(*(_has(column, word) for column in columns), Schedule.object_set_id.in_(sets)))
    return found


def _has(column: Any, word: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(column).contains(word, autoescape=True)


def _key(schedule_id: int | None) -> Any:
    """The place of a row in the list. Of one that is gone: the beginning."""
    if not schedule_id or schedule_id >= 2**31:
        return None
    found = db.session.execute(sa.select(Schedule.name, Schedule.id).where(Schedule.id == schedule_id)).first()
    return sa.tuple_(sa.literal(found.name), sa.literal(found.id)) if found else None
