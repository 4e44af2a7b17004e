"""A cron expression in words: those of the other kinds where it says no more than they can."""

from __future__ import annotations

import re

from webapp.language import ENGLISH, _, current
from webapp.schedules.crontab import Cron
from webapp.schedules.dates import LAST, Dates, MonthDay, NthWeekday, Weekdays
from webapp.schedules.words import clocks, every_words

MOST_TIMES = 6


def describe(rule: Cron, zone: str) -> str:
    dates = _dates(rule)
    if dates and rule.fixed and len(rule.hours) * len(rule.minutes) * len(rule.seconds) <= MOST_TIMES:
        return _("%(dates)s at %(times)s %(zone)s", dates=dates.words(), times=clocks(_times(rule)), zone=zone)
    every = _every(rule)
    if dates and every:
        hours = _hours(rule)
        if dates == Weekdays() and not hours:
            return every
        if isinstance(dates, Weekdays) and hours is not None:
            if dates != Weekdays():
                every = _("%(every)s on %(days)s", every=every, days=dates.plural())
            return f"{every}, {hours}{zone}"
    return _explained(rule, zone)


def _dates(rule: Cron) -> Dates | None:
    day, month, weekday = rule.parts[3:]
    if month != "*" or "*" not in (day, weekday):
        return None
    if day.isdecimal() and int(day) <= 28:
        return MonthDay(int(day))
    if day != "*":
        return MonthDay(31) if day == "L" else None
    plain = {(number - 1) % 7 for number in rule.match.weekdays if isinstance(number, int)}
    nth = [pair for pair in rule.match.weekdays if not isinstance(pair, int)]
    if not nth:
        return Weekdays(tuple(sorted(plain)))
    if plain or len(nth) > 1:
        return None
    number, which = nth[0]
    return NthWeekday(which if which > 0 else LAST, (number - 1) % 7)


def _times(rule: Cron) -> tuple[int, ...]:
    return tuple(
        hour * 3600 + minute * 60 + second for hour in rule.hours for minute in rule.minutes for second in rule.seconds
    )


def _every(rule: Cron) -> str | None:
    """`Every 15 minutes`, when the steps come out even at the full hour."""
    second, minute = rule.parts[:2]
    if second != "0":
        return None
    if minute == "0":
        return every_words(3600)
    step = "1" if minute == "*" else minute.removeprefix("*/")
    even = step != minute and 60 % int(step) == 0
    return every_words(int(step) * 60) if even else None


def _hours(rule: Cron) -> str | None:
    """`09:00–17:45 `, empty for the whole day, None when the hours are no single range."""
    if rule.parts[2] == "*":
        return ""
    first, last = rule.hours[0], rule.hours[-1]
    if rule.hours != tuple(range(first, last + 1)):
        return None
    return f"{first:02d}:00–{last:02d}:{rule.minutes[-1]:02d} "


def _explained(rule: Cron, zone: str) -> str:
    """The library explains them in English alone."""
    if current() != ENGLISH:
        return _("By the cron expression %(expression)s, %(zone)s", expression=rule.text, zone=zone)
    text = re.sub(
        r"(?<!1)([123])th\b", lambda match: match[1] + {"1": "st", "2": "nd", "3": "rd"}[match[1]], rule.match.explain()
    )
    either = " (one of the two is enough)" if rule.either_day else ""
    return f"{text}{either}, {zone}"
