"""The recurrence rules that holiday files use: daily, weekly, monthly and yearly (RFC 5545, 3.3.10)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from webapp.calendars.days import LAST_YEAR, read_date
from webapp.language import _

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# What each frequency may be narrowed by; anything else would change the meaning, so it is refused.
PARTS = {
    "DAILY": set(),
    "WEEKLY": {"BYDAY"},
    "MONTHLY": {"BYMONTH", "BYMONTHDAY", "BYDAY"},
    "YEARLY": {"BYMONTH", "BYMONTHDAY", "BYDAY"},
}
ALWAYS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
MAX_OCCURRENCES = 50_000
# Yearly events often begin long before anybody's computer did.
EARLIEST = 1583

_BY_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True)
class Rule:
    frequency: str
    interval: int
    count: int | None
    until: date | None
    months: tuple[int, ...]
    month_days: tuple[int, ...]
    weekdays: tuple[tuple[int | None, int], ...]
    week_start: int


def dates(text: str, first: date, until: date) -> list[date]:
    """The occurrences from `first` up to `until`, the first one included."""
    rule = parse(text)
    end = min(until, rule.until or until)
    found: list[date] = []
    for day in _candidates(rule, first, end):
        if day > end or len(found) == rule.count:
            break
        if day >= first:
            found.append(day)
        if len(found) > MAX_OCCURRENCES:
            raise ValueError(
                _(
                    "The rule repeats more than %(max_occurrences)s times. Choose fewer years",
                    max_occurrences=MAX_OCCURRENCES,
                )
            )
    return found


def parse(text: str) -> Rule:
    parts = dict(_part(part) for part in text.upper().strip(";").split(";"))
    frequency = parts.get("FREQ", "")
    if frequency not in PARTS:
        raise ValueError(
            _(
                "FREQ=%(frequency)s cannot be read. Use DAILY, WEEKLY, MONTHLY or YEARLY, or list the dates",
                frequency=frequency,
            )
        )
    if unknown := parts.keys() - ALWAYS - PARTS[frequency]:
        raise ValueError(
            _(
                "%(unknown)s cannot be read in a %(frequency)s rule. List the dates instead",
                unknown=sorted(unknown)[0],
                frequency=frequency,
            )
        )
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError(_("A rule has COUNT or UNTIL, never both. Remove one"))
    rule = Rule(
        frequency,
        interval=_number(parts, "INTERVAL") or 1,
        count=_number(parts, "COUNT"),
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        months=_numbers(parts, "BYMONTH", 1, 12),
        month_days=_numbers(parts, "BYMONTHDAY", -31, 31),
        weekdays=tuple(_weekday(part) for part in parts["BYDAY"].split(",")) if "BYDAY" in parts else (),
        week_start=_weekday(parts.get("WKST", "MO"))[1],
    )
    if frequency == "WEEKLY" and any(nth for nth, _ in rule.weekdays):
        raise ValueError(_("BYDAY in a WEEKLY rule takes plain days, like MO,FR"))
    if frequency == "YEARLY" and rule.weekdays and not rule.months:
        raise ValueError(_("BYDAY in a YEARLY rule needs BYMONTH. Add it, or list the dates"))
    return rule


def _part(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals or not value:
        raise ValueError(_('"%(part)s" is not part of a rule. Write NAME=value', part=part))
    return name, value


def _number(parts: dict[str, str], name: str) -> int | None:
    if name not in parts:
        return None
    if not re.fullmatch(r"[1-9]\d{0,4}", parts[name]):
        raise ValueError(_("%(name)s goes from 1 to 99999", name=name))
    return int(parts[name])


def _numbers(parts: dict[str, str], name: str, low: int, high: int) -> tuple[int, ...]:
    texts = parts[name].split(",") if name in parts else []
    if not all(re.fullmatch(r"[+-]?\d{1,2}", text) and low <= int(text) <= high and int(text) for text in texts):
        raise ValueError(_("%(name)s goes from %(low)s to %(high)s", name=name, low=low, high=high))
    return tuple(int(text) for text in texts)


def _weekday(text: str) -> tuple[int | None, int]:
    match = _BY_DAY.fullmatch(text)
    if not match:
        raise ValueError(
            _(
                '"%(text)s" is not a weekday. Use %(weekdays)s, or 4TH for the fourth Thursday',
                text=text,
                weekdays=", ".join(WEEKDAYS),
            )
        )
    return int(match[1]) if match[1] else None, WEEKDAYS.index(match[2])


def _until(text: str) -> date:
    match = re.fullmatch(r"(\d{4})(\d{2})(\d{2})(?:T\d{6}Z?)?", text)
    if not match:
        raise ValueError(_('UNTIL "%(text)s" is not a date. Write one like 20261231', text=text))
    year, month, day = match.groups()
    # "For ever" is written as the year 9999 by some programs.
    return read_date(f"{min(int(year), LAST_YEAR)}-{month}-{day}", EARLIEST)


def _candidates(rule: Rule, first: date, end: date) -> Iterator[date]:
    """Dates that fit the rule, in order; a few may lie before the first occurrence or past the end."""
    if rule.frequency == "DAILY":
        for number in range(first.toordinal(), end.toordinal() + 1, rule.interval):
            yield date.fromordinal(number)
    elif rule.frequency == "WEEKLY":
        yield from _weekly(rule, first, end)
    else:
        for year, month in _months(rule, first, end):
            yield from sorted(_in_month(rule, year, month, first))


def _weekly(rule: Rule, first: date, end: date) -> Iterator[date]:
    weekdays = sorted((day - rule.week_start) % 7 for _, day in rule.weekdays) or [
        (first.weekday() - rule.week_start) % 7
    ]
    week = first - timedelta(days=(first.weekday() - rule.week_start) % 7)
    for begins in range(week.toordinal(), end.toordinal() + 1, 7 * rule.interval):
        yield from (date.fromordinal(begins + day) for day in weekdays)


def _months(rule: Rule, first: date, end: date) -> Iterator[tuple[int, int]]:
    if rule.frequency == "YEARLY":
        for year in range(first.year, end.year + 1, rule.interval):
            yield from ((year, month) for month in sorted(set(rule.months)) or [first.month])
        return
    for number in range(first.year * 12 + first.month - 1, end.year * 12 + end.month, rule.interval):
        year, month = number // 12, number % 12 + 1
        if not rule.months or month in rule.months:
            yield year, month


def _in_month(rule: Rule, year: int, month: int, first: date) -> set[date]:
    length = calendar.monthrange(year, month)[1]
    if rule.weekdays:
        fits = {day for nth, weekday in rule.weekdays for day in _nth(year, month, nth, weekday)}
        if rule.month_days:
            fits &= set(_month_days(rule, length))
    elif rule.month_days:
        fits = set(_month_days(rule, length))
    else:
        fits = {first.day} if first.day <= length else set()
    return {date(year, month, day) for day in fits}


def _month_days(rule: Rule, length: int) -> Iterator[int]:
    for day in rule.month_days:
        actual = day if day > 0 else length + 1 + day
        if 1 <= actual <= length:
            yield actual


def _nth(year: int, month: int, nth: int | None, weekday: int) -> list[int]:
    length = calendar.monthrange(year, month)[1]
    first = 1 + (weekday - date(year, month, 1).weekday()) % 7
    all_of_them = list(range(first, length + 1, 7))
    if nth is None:
        return all_of_them
    index = nth - 1 if nth > 0 else nth
    return [all_of_them[index]] if -len(all_of_them) <= index < len(all_of_them) else []
