"""Dates on which things do not run: own lists, working-day arithmetic, the view of a year."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from webapp.language import _

SKIP, NEXT_WORKING_DAY = "skip", "next_working_day"
POLICIES = (SKIP, NEXT_WORKING_DAY)
SATURDAY, SUNDAY = 5, 6
FIRST_YEAR, LAST_YEAR = 1970, 2199
MAX_LINES, MAX_DATES = 5_000, 20_000
ONE_DAY = timedelta(days=1)

_LINE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\s*\.\.\s*(\d{4}-\d{2}-\d{2}))?(?:\s+(.*))?")


class Day(NamedTuple):
    date: date
    name: str


class ListError(ValueError):
    """Every line that cannot be read, as {"line", "message"}."""

    def __init__(self, errors: list[dict[str, object]]):
        super().__init__("; ".join(f"Line {error['line']}: {error['message']}" for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class DaysOff:
    """A calendar as the schedules see it; the rows that it was made from stay in the database."""

    name: str
    dates: Mapping[date, str] = field(default_factory=dict)
    policy: str = SKIP
    weekend: frozenset[int] = frozenset({SATURDAY, SUNDAY})

    def closed(self, day: date) -> bool:
        return day in self.dates

    def working(self, day: date) -> bool:
        return day not in self.dates and day.weekday() not in self.weekend

    def next_working_day(self, day: date) -> date | None:
        """The first working day after `day`; none when a whole year is closed."""
        return self.add_working_days(day, 1)

    def add_working_days(self, day: date, count: int) -> date | None:
        """`count` working days later, or earlier when it is negative."""
        step = ONE_DAY if count > 0 else -ONE_DAY
        left, closed_in_a_row = abs(count), 0
        while left:
            day += step
            if self.working(day):
                left, closed_in_a_row = left - 1, 0
            elif (closed_in_a_row := closed_in_a_row + 1) > 366:
                return None
        return day

    def working_days_between(self, first: date, last: date) -> int:
        """How many working days there are from first to last, both included."""
        return sum(self.working(day) for day in every(first, last))

    def streak_start(self, day: date) -> date:
        """The first of the days without work that lead up to and include `day`, else `day` itself."""
        if self.working(day):
            day -= ONE_DAY
            if self.working(day):
                return day + ONE_DAY
        for _day in range(366):
            if self.working(day - ONE_DAY):
                break
            day -= ONE_DAY
        return day


def every(first: date, last: date) -> Iterator[date]:
    for number in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(number)


def by_date(days: Iterable[Day]) -> dict[date, str]:
    """One name a date; a date that is listed twice keeps both."""
    names: dict[date, list[str]] = {}
    for day in sorted(days):
        held = names.setdefault(day.date, [])
        if day.name and day.name not in held:
            held.append(day.name)
    return {when: "; ".join(held) for when, held in names.items()}


def read_list(text: str) -> list[Day]:
    """Lines such as `2026-12-25 Christmas` and `2026-12-24..2026-12-31 Closed`; `#` begins a line of remark."""
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        raise ListError(
            [{"line": MAX_LINES + 1, "message": _("A list has at most %(max_lines)s lines", max_lines=MAX_LINES)}]
        )
    days: list[Day] = []
    errors: list[dict[str, object]] = []
    for number, line in enumerate(lines, start=1):
        content = line.strip()
        try:
            days += _read_line(content) if content and not content.startswith("#") else []
        except ValueError as wrong:
            errors.append({"line": number, "message": str(wrong)})
        if len(days) > MAX_DATES:
            errors.append(
                {"line": number, "message": _("A calendar has at most %(max_dates)s dates", max_dates=MAX_DATES)}
            )
            break
    if errors:
        raise ListError(errors)
    return days


def _read_line(content: str) -> list[Day]:
    match = _LINE.fullmatch(content)
    if not match:
        raise ValueError(_("Begin with a date, like 2026-12-25 Christmas or 2026-12-24..2026-12-31 Closed"))
    first = read_date(match[1])
    last = read_date(match[2]) if match[2] else first
    if last < first:
        raise ValueError(_("The range ends before it begins. Write %(last)s..%(first)s", last=last, first=first))
    if (last - first).days > 366:
        raise ValueError(_("A range covers at most a year. Split it"))
    return [Day(day, (match[3] or "").strip()) for day in every(first, last)]


def read_date(text: str, first_year: int = FIRST_YEAR) -> date:
    """`2026-12-25`; the message of a date that does not exist says how long its month is."""
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text.strip())
    if not match:
        raise ValueError(_('"%(text)s" is not a date. Enter one like 2026-12-25', text=text))
    year, month, day = (int(part) for part in match.groups())
    if not first_year <= year <= LAST_YEAR:
        raise ValueError(
            _("Enter a year from %(first_year)s to %(last_year)s", first_year=first_year, last_year=LAST_YEAR)
        )
    if not 1 <= month <= 12:
        raise ValueError(_("There is no month %(month)s. Enter one from 01 to 12", month=month))
    length = calendar.monthrange(year, month)[1]
    if not 1 <= day <= length:
        month_name = f"{_(calendar.month_name[month])} {year}"
        raise ValueError(
            _(
                "%(day)s %(month_name)s does not exist. %(month_name)s has %(length)s days",
                day=day,
                month_name=month_name,
                length=length,
            )
        )
    return date(year, month, day)


class Cell(NamedTuple):
    """One date of the year view: `name` is why it is closed, None when it is not."""

    date: date
    name: str | None
    weekend: bool


class Month(NamedTuple):
    number: int
    name: str
    weeks: list[list[Cell | None]]


def year_view(year: int, off: DaysOff) -> list[Month]:
    """Twelve months of weeks from Monday to Sunday; None where a week reaches into another month."""
    weeks_of = calendar.Calendar().monthdatescalendar
    return [
        Month(month, calendar.month_name[month], [_week(week, month, off) for week in weeks_of(year, month)])
        for month in range(1, 13)
    ]


def _week(week: list[date], month: int, off: DaysOff) -> list[Cell | None]:
    return [Cell(day, off.dates.get(day), day.weekday() in off.weekend) if day.month == month else None for day in week]
