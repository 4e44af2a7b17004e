"""A month of schedules, day by day: what became of their slots, and what the engine that fires them says of those to come.

What a busy schedule does in a day is one line with its number. The cost is bounded by the number of schedules that are
looked at, and by that of runs; what was left out is said.
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain, islice, takewhile
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from webapp.calendars.days import ONE_DAY
from webapp.calendars.zones import day_start, wall_time
from webapp.db import db
from webapp.language import N_, _
from webapp.schedules import each_agent, engine, plans
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import TICK
from webapp.schedules.plan import Slot as Moment
from webapp.schedules.queries import PLAIN, Chosen, Tone, matching
from webapp.schedules.states import End
from webapp.tasks import states
from webapp.tasks.models import Task

MOST = 50  # schedules in one picture
MOST_RUNS = 50_000  # that are looked at for it: of the past, and of the time ahead

AHEAD, FAILED, RUNNING, WELL, OFF = N_("to come"), N_("failed"), N_("running"), N_("completed"), N_("skipped")
# What a line can hold, the one that gives it its sign first.
SIGNS: dict[str, Tone] = {
    FAILED: ("danger", "failed"),
    RUNNING: ("active", "executing"),
    N_("missed"): ("warning", "warning"),
    N_("waiting"): ("neutral", "pending"),
    AHEAD: ("violet", "scheduled"),
    WELL: ("success", "completed"),
    OFF: ("neutral", "skipped"),
}
ENDED = {End.FIRED: WELL, End.FANNING: RUNNING}  # the others are called what they are

Lines = dict[tuple[int, int], "Line"]  # by day and schedule


class Span(NamedTuple):
    """The days of one month in one time zone: `bounds` are their beginnings, and the end of the last."""

    first: date
    zone: ZoneInfo
    bounds: tuple[datetime, ...]

    def day(self, at: datetime) -> int:
        return bisect_right(self.bounds, at)

    @property
    def name(self) -> str:
        return f"{_(calendar.month_name[self.first.month])} {self.first.year}"

    @property
    def before(self) -> date:
        return (self.first - ONE_DAY).replace(day=1)

    @property
    def after(self) -> date:
        return (self.first + timedelta(days=31)).replace(day=1)


@dataclass
class Line:
    """What one schedule does on one day."""

    schedule: Schedule
    zone: ZoneInfo
    at: datetime
    until: datetime
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.ends.total()

    @property
    def sign(self) -> Tone:
        return next(sign for said, sign in SIGNS.items() if self.ends[said])

    @property
    def place(self) -> tuple[bool, datetime, str]:
        """Within its day: busy ones after what happens at one time."""
        return self.count > 1, self.at, self.schedule.name

    @property
    def clock(self) -> str:
        return f"{wall_time(self.at, self.zone):%H:%M}"

    @property
    def times(self) -> str:
        last = f"{wall_time(self.until, self.zone):%H:%M}"
        return self.clock if last == self.clock else f"{self.clock}–{last}"

    @property
    def words(self) -> str:
        return ", ".join(f"{self.ends[said]:,} {_(said)}" for said in SIGNS if self.ends[said])

    def add(self, end: str, at: datetime, until: datetime, count: int) -> None:
        self.at, self.until = min(self.at, at), max(self.until, until)
        self.ends[end] += count


@dataclass
class Picture:
    """`days` by their number; `more`: schedules that are not in it; `busy`: those with more runs than were counted."""

    span: Span
    days: dict[int, list[Line]]
    schedules: int = 0
    more: bool = False
    busy: list[Schedule] = field(default_factory=list)
    cut: bool = False  # so many past runs that not all were counted


def span_of(first: date, zone: ZoneInfo) -> Span:
    length = calendar.monthrange(first.year, first.month)[1]
    days = (first + ONE_DAY * number for number in range(length + 1))
    return Span(first, zone, tuple(day_start(day, zone) for day in days))


def weeks_of(span: Span) -> list[list[date | None]]:
    """From Monday to Sunday; None where a week reaches into another month."""
    weeks = calendar.Calendar().monthdatescalendar(span.first.year, span.first.month)
    return [[day if day.month == span.first.month else None for day in week] for week in weeks]


def picture(chosen: Chosen, span: Span, now: datetime) -> Picture:
    """The first schedules by name. Reading it changes nothing."""
    rows = matching(chosen).options(*PLAIN).order_by(Schedule.name, Schedule.id).limit(MOST + 1)
    found = list(db.session.scalars(rows))
    shown = Picture(span, {}, len(found[:MOST]), len(found) > MOST)
    lines: Lines = {}
    _look_back(shown, lines, {schedule.id: schedule for schedule in found[:MOST]})
    _look_ahead(shown, lines, found[:MOST], now)
    for (day, _place), line in sorted(lines.items(), key=lambda pair: (pair[0][0], *pair[1].place)):
        shown.days.setdefault(day, []).append(line)
    return shown


def _note(lines: Lines, span: Span, schedule: Schedule, end: str, at: datetime,
          until: datetime | None = None, count: int = 1) -> None:  # fmt: skip
    key = (span.day(at), schedule.id)
    line = lines.setdefault(key, Line(schedule, span.zone, at, at))
    line.add(end, at, until or at, count)


# --- what was ---------------------------------------------------------------------------------------------------


def _look_back(shown: Picture, lines: Lines, by_id: dict[int, Schedule]) -> None:
    slots, looked_at = _slots(by_id, shown.span), 0
    columns = (slots.c.schedule_id, slots.c.day, slots.c.said)
    sums = (sa.func.min(slots.c.at), sa.func.max(slots.c.at), sa.func.sum(slots.c.count), sa.func.count())
    found: Any = db.session.execute(sa.select(*columns, *sums).group_by(*columns))
    for schedule_id, _ended, said, first, last, count, rows in found:
        _note(lines, shown.span, by_id[schedule_id], ENDED.get(said, said), first, last, int(count))
        looked_at += rows
    shown.cut = looked_at == MOST_RUNS


def _slots(ids: Iterable[int], span: Span) -> sa.Subquery:
    """Each with its day and what became of it: that of its batch, where it has one."""
    day = sa.case(*((Slot.at < bound, number) for number, bound in enumerate(span.bounds)), else_=0)
    alive = sa.select(Task.id).where(Task.batch_id == Slot.batch_id, Task.deleted_at.is_(None), Task.latest.is_(True))
    said = sa.case(
        (Slot.batch_id.is_(None), Slot.end),
        (sa.exists(alive.where(Task.status.in_(states.OPEN))), RUNNING),
        (sa.exists(alive.where(Task.status.in_(states.BAD))), FAILED),
        else_=WELL,
    )
    rows = sa.select(Slot.schedule_id, Slot.at, Slot.count, day.label("day"), said.label("said"))
    rows = rows.where(Slot.schedule_id.in_(list(ids)), Slot.at >= span.bounds[0], Slot.at < span.bounds[-1])
    return rows.order_by(Slot.schedule_id, Slot.at).limit(MOST_RUNS).subquery()


# --- what will be -----------------------------------------------------------------------------------------------


def _look_ahead(shown: Picture, lines: Lines, schedules: Sequence[Schedule], now: datetime) -> None:
    left, end = MOST_RUNS, shown.span.bounds[-1] - TICK
    for schedule in schedules if end > now else ():
        slots = list(islice(_to_come(schedule, max(now, shown.span.bounds[0] - TICK), end, now), left + 1))
        for slot in slots[:left]:
            _note(lines, shown.span, schedule, OFF if slot.skipped else AHEAD, slot.at)
        if len(slots) > left:
            shown.busy.append(schedule)
        left -= min(len(slots), left)


def _to_come(schedule: Schedule, begin: datetime, end: datetime, now: datetime) -> Iterator[Moment]:
    if schedule.paused and schedule.resume_at:
        begin = max(begin, schedule.resume_at)
    elif not schedule.active:
        return iter(())
    try:
        plan = plans.plan_of(schedule)
    except RuleError:
        return iter(())
    if plan.kind == plans.FRESHNESS:
        return iter(())
    begin = max(begin, schedule.last_slot_at)
    own = each_agent.plans_of(schedule, plan, now) if plan.per_agent else [plan]
    return chain.from_iterable(takewhile(lambda slot: slot.at <= end, engine.walk(one, begin)) for one in own)
