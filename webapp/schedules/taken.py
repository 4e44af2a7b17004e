"""What the days off of a calendar take from the schedules that follow it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from webapp.calendars.days import ONE_DAY, DaysOff
from webapp.calendars.zones import day_start
from webapp.schedules import engine, plans
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule
from webapp.schedules.plan import TICK

MOST = 1_000


@dataclass(frozen=True)
class Taken:
    """What one day off takes from one schedule."""

    schedule: Schedule
    day: date
    name: str
    first: datetime
    count: int


def by_calendar(following: Iterable[Schedule], off: DaysOff, now: datetime, span: timedelta) -> list[Taken]:
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
    slots = engine.slots(plan, max(begin, now), end, MOST)
    return Taken(schedule, day, name, slots[0].at, len(slots)) if slots else None
