"""Which dates a rule falls on, and how to say so."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, Protocol

from webapp.language import N_, _
from webapp.schedules.words import listed

ONE_DAY = timedelta(days=1)
NAMES = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
)  # fmt: skip
PLURALS = (
    N_("Mondays"), N_("Tuesdays"), N_("Wednesdays"), N_("Thursdays"), N_("Fridays"), N_("Saturdays"), N_("Sundays"),
)  # fmt: skip
SHORT = tuple(name[:3].lower() for name in NAMES)
WORKWEEK, WEEKEND = (0, 1, 2, 3, 4), (5, 6)
LAST = -1
ORDINALS = {
    N_("first"): 1, N_("second"): 2, N_("third"): 3, N_("fourth"): 4, N_("fifth"): 5, N_("last"): LAST,
}  # fmt: skip


class Dates(Protocol):
    def on_or_after(self, day: date) -> date | None:
        """The first date of the rule that is not before `day`."""

    def words(self) -> str:
        """The beginning of a sentence that goes on with "at 09:30"."""


@dataclass(frozen=True)
class Weekdays:
    """Monday is 0."""

    days: tuple[int, ...] = tuple(range(7))

    def on_or_after(self, day: date) -> date:
        weekday = day.weekday()
        return day + timedelta(days=min((wanted - weekday) % 7 for wanted in self.days))

    def words(self) -> str:
        if len(self.days) == 7:
            return _("Every day")
        return _("Every %(days)s", days=self.names())

    def names(self) -> str:
        if self.days == WORKWEEK:
            return _("weekday")
        if self.days == WEEKEND:
            return _("Saturday and Sunday")
        return listed([_(NAMES[day]) for day in self.days])

    def plural(self) -> str:
        return _("weekdays") if self.days == WORKWEEK else listed([_(PLURALS[day]) for day in self.days])


@dataclass(frozen=True)
class MonthDay:
    """A day of each month; a month that is too short has it on its last day."""

    day: int

    def on_or_after(self, day: date) -> date:
        found = self._in(day.year, day.month)
        if found < day:
            found = self._in(day.year + day.month // 12, day.month % 12 + 1)
        return found

    def _in(self, year: int, month: int) -> date:
        if self.day <= 28:
            return date(year, month, self.day)
        return date(year, month, min(self.day, calendar.monthrange(year, month)[1]))

    def words(self) -> str:
        if self.day == 31:
            return _("On the last day of each month")
        if self.day > 28:
            return _("On day %(day)s of each month (the last day of shorter months)", day=self.day)
        return _("On day %(day)s of each month", day=self.day)


@dataclass(frozen=True)
class NthWeekday:
    """The nth of a weekday in each month; the fifth only in months that have one."""

    nth: int
    weekday: int

    def on_or_after(self, day: date) -> date | None:
        year, month = day.year, day.month
        # A fifth of any weekday comes back within three months; the margin costs nothing.
        for _month in range(12):
            found = self._in(year, month)
            if found is not None and found >= day:
                return found
            year, month = year + month // 12, month % 12 + 1
        return None

    def _in(self, year: int, month: int) -> date | None:
        first_weekday, length = calendar.monthrange(year, month)
        number = 1 + (self.weekday - first_weekday) % 7
        if self.nth == LAST:
            number += (length - number) // 7 * 7
        else:
            number += (self.nth - 1) * 7
        return date(year, month, number) if number <= length else None

    def words(self) -> str:
        ordinal = next(word for word, nth in ORDINALS.items() if nth == self.nth)
        named = {"ordinal": _(ordinal), "weekday": _(NAMES[self.weekday])}
        if self.nth == 5:
            return _("On the %(ordinal)s %(weekday)s of the months that have one", **named)
        return _("On the %(ordinal)s %(weekday)s of each month", **named)


def weekdays(value: Any) -> Weekdays:
    """`["mon", "fri"]`; names only, since numbers mean different days in different systems."""
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not texts:
        raise ValueError(_("Choose at least one day, like mon"))
    return Weekdays(tuple(sorted({weekday(text) for text in texts})))


def weekday(text: Any) -> int:
    wanted = str(text).strip().lower()
    for number, name in enumerate(NAMES):
        if wanted in (SHORT[number], name.lower()):
            return number
    close = get_close_matches(wanted, [*SHORT, *(name.lower() for name in NAMES)], n=1)
    hint = _("Did you mean %(name)s?", name=close[0][:3]) if close else _("Use %(names)s", names=", ".join(SHORT))
    raise ValueError(_('"%(text)s" is not a day of the week. %(hint)s', text=text, hint=hint))


def month_day(value: Any) -> MonthDay:
    text = str(value).strip().lower()
    if text == "last":
        return MonthDay(31)
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= 31:
        raise ValueError(_("Days of the month go from 1 to 31; 31 is the last day of every month"))
    return MonthDay(int(text))


def nth_weekday(value: Any) -> NthWeekday:
    """`["last", "fri"]` or `[2, "tue"]`."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(_('Enter which one and the day, like ["last", "fri"]'))
    text = str(value[0]).strip().lower()
    nth = int(text) if text in {"1", "2", "3", "4", "5", "-1"} else ORDINALS.get(text)
    if nth is None:
        raise ValueError(
            _(
                '"%(value)s" is not a position in the month. Use %(ordinals)s',
                value=value[0],
                ordinals=listed(list(ORDINALS), N_("or")),
            )
        )
    return NthWeekday(nth, weekday(value[1]))
