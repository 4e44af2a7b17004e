"""Every so often, in elapsed time: all the time, or inside a daily window that it starts anew with.

A change of clocks neither drops a run nor adds one: 15 minutes stay 15 minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.windows import DAY, Window, wall, window
from webapp.calendars.zones import When, day_start, resolve, wall_time
from webapp.language import _
from webapp.schedules.dates import ONE_DAY, Weekdays, weekdays
from webapp.schedules.fields import Fields, Given, duration
from webapp.schedules.seed import Seed
from webapp.schedules.words import every_words

EVERY_DAY = Weekdays()
ONE_SECOND = timedelta(seconds=1)

example: dict[str, Any] = {"kind": "interval", "every": "15m", "between": ["09:00", "17:00"]}


@dataclass(frozen=True)
class Interval:
    """With an origin it counts from there, day and night; without, anew on each date from the start
    of the window, or from midnight."""

    every: timedelta
    origin: datetime | None = None
    dates: Weekdays = EVERY_DAY
    window: Window | None = None


def parse(fields: Fields, given: Given) -> Interval:
    every = fields.need("every", duration, _("Enter how often it runs, like 15m")) or 1
    between = fields.read("between", window, None)
    days = fields.read("days", weekdays, EVERY_DAY)
    if between is None and days == EVERY_DAY:
        return Interval(timedelta(seconds=every), given.start or _origin(given.zone))
    if every > DAY:
        fields.wrong("every", _("With a window or days, this goes up to 24h. Choose a shorter length"))
    return Interval(timedelta(seconds=every), None, days, between)


@cache
def _origin(tz: ZoneInfo) -> datetime:
    # A local midnight, so that hours and quarters fall where people expect them; recent enough for
    # every zone to have an offset of whole quarters.
    return day_start(date(2000, 1, 1), tz)


def after(rule: Interval, moment: datetime, tz: ZoneInfo, seed: Seed) -> When:
    if rule.origin:
        return _elapsed(rule, rule.origin, moment, tz)
    today = wall_time(moment, tz).date()
    reaches_over = rule.window and rule.window.end >= DAY
    day = rule.dates.on_or_after(today - ONE_DAY if reaches_over else today)
    while True:
        first, last = _bounds(rule, day, tz)
        if moment < first.at:
            return first
        found = _elapsed(rule, first.at, moment, tz)
        if found.at <= last:
            return found
        day = rule.dates.on_or_after(day + ONE_DAY)


def _bounds(rule: Interval, day: date, tz: ZoneInfo) -> tuple[When, datetime]:
    if rule.window:
        first, last = rule.window.bounds(day, tz)
        return first, last.at
    return resolve(wall(day, 0), tz), day_start(day + ONE_DAY, tz) - ONE_SECOND


def _elapsed(rule: Interval, begin: datetime, moment: datetime, tz: ZoneInfo) -> When:
    at = begin + rule.every * ((moment - begin) // rule.every + 1)
    return When(at, None, wall_time(at, tz))


def describe(rule: Interval, zone: str) -> str:
    words = every_words(int(rule.every.total_seconds()))
    if rule.origin:
        return words
    if rule.dates != EVERY_DAY:
        words = _("%(every)s on %(days)s", every=words, days=rule.dates.plural())
    return f"{words}, {rule.window} {zone}" if rule.window else f"{words}, {zone}"
