"""Reading a cron expression: five fields or six, with the text that helps when one is wrong."""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import month_name
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cronsim import CronSim, CronSimError

from webapp.calendars.windows import wall
from webapp.language import N_, _, ngettext
from webapp.schedules.dates import ONE_DAY
from webapp.schedules.words import listed

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# As long as cronsim looks: 29 February on a certain weekday comes back within 40 years.
YEARS_AHEAD = 50
LONGEST = 300


class FieldOf(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


SECONDS = FieldOf(N_("seconds"), 0, 59)
FIVE = (
    FieldOf(N_("minutes"), 0, 59),
    FieldOf(N_("hours"), 0, 23),
    FieldOf(N_("days of the month"), 1, 31),
    FieldOf(N_("months"), 1, 12, tuple(name[:3].upper() for name in month_name[1:])),
    FieldOf(N_("days of the week"), 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)
# cronsim wants a time to start from; only its fields and day matching are used here.
_ANY = wall(date(2000, 1, 1), 0)
_NUMBER = re.compile("[0-9]{1,3}")
NTH_FIELDS = (N_("first"), N_("second"), N_("third"), N_("fourth"), N_("fifth"), N_("sixth"))


@dataclass(frozen=True)
class Cron:
    text: str
    parts: tuple[str, ...]
    match: CronSim = field(repr=False, compare=False)
    months: frozenset[int]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]

    @property
    def fixed(self) -> bool:
        """It names wall times. With a wildcard for hour, minute or second it counts elapsed time."""
        return not any(part.startswith("*") for part in self.parts[:3])

    @property
    def either_day(self) -> bool:
        """Both day fields are restricted, and Vixie's cron then takes a day that matches one of them."""
        return not self.match.day_and

    def first_match(self, now: datetime) -> datetime | None:
        """The first matching wall time that is not before `now` (naive, whole seconds)."""
        today = now.date()
        day = self.on_or_after(today)
        if day == today:
            second = self._second_from(now.hour, now.minute, now.second)
            if second is not None:
                return wall(today, second)
            day = self.on_or_after(today + ONE_DAY)
        return wall(day, self.hours[0] * 3600 + self.minutes[0] * 60 + self.seconds[0]) if day else None

    def on_or_after(self, day: date) -> date | None:
        last = day.year + YEARS_AHEAD
        while day.year <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            elif self.match.match_day(day):
                return day
            else:
                day += ONE_DAY
        return None

    def _second_from(self, hour: int, minute: int, second: int) -> int | None:
        """The first matching second of the day that is not before the given time."""
        if hour in self.hours:
            if minute in self.minutes:
                index = bisect_left(self.seconds, second)
                if index < len(self.seconds):
                    return hour * 3600 + minute * 60 + self.seconds[index]
            index = bisect_left(self.minutes, minute + 1)
            if index < len(self.minutes):
                return hour * 3600 + self.minutes[index] * 60 + self.seconds[0]
        index = bisect_left(self.hours, hour + 1)
        if index < len(self.hours):
            return self.hours[index] * 3600 + self.minutes[0] * 60 + self.seconds[0]
        return None


@lru_cache(maxsize=4096)
def read(text: str) -> Cron:
    if len(text) > LONGEST:
        raise ValueError(
            _("A cron expression has at most %(longest)s characters. Use several schedules", longest=LONGEST)
        )
    parts = _parts(text.strip())
    fields = FIVE if len(parts) == 5 else (SECONDS, *FIVE)
    for position, (part, wanted) in enumerate(zip(parts, fields, strict=True)):
        for term in part.split(","):
            if problem := _problem(term, wanted):
                raise ValueError(
                    _(
                        '"%(text)s": %(problem)s. Change the %(nth_fields)s field',
                        text=text,
                        problem=problem,
                        nth_fields=_(NTH_FIELDS[position]),
                    )
                )
    try:
        match = CronSim(" ".join(parts), _ANY)
    except CronSimError as wrong:
        raise ValueError(_never(text, parts)) from wrong
    return Cron(
        text,
        tuple(match.parts),
        match,
        frozenset(match.months),
        tuple(sorted(match.hours)),
        tuple(sorted(match.minutes)),
        tuple(sorted(match.seconds)),
    )


def _parts(text: str) -> list[str]:
    word = text.lower()
    if word == "@reboot":
        raise ValueError(_('"@reboot" follows a machine\'s start, not the clock. Choose a time, like @daily'))
    if word.startswith("@every"):
        raise ValueError(_('"@every" is an interval, not a cron time. Use a rule of kind interval, like 15m'))
    if word.startswith("@") and word not in ALIASES:
        raise ValueError(
            _('There is no "%(text)s". Use %(aliases)s', text=text, aliases=listed(list(ALIASES), N_("or")))
        )
    if "=" in text:
        raise ValueError(_("Only the five or six fields belong here. Choose the time zone in its own field"))
    parts = ALIASES.get(word, text).upper().split()
    if len(parts) not in (5, 6):
        count = ngettext("%(num)s field", "%(num)s fields", len(parts))
        raise ValueError(
            _('"%(text)s" has %(count)s. Cron has five, or six with the seconds first', text=text, count=count)
        )
    return parts


def _problem(term: str, wanted: FieldOf) -> str | None:
    """What is wrong with one term of a comma list, or None."""
    if sign := _foreign_sign(term, wanted):
        return sign
    base, slash, step = term.partition("/")
    if slash and not (_NUMBER.fullmatch(step) and 1 <= int(step) <= wanted.high):
        return _("steps of %(field)s go from 1 to %(high)s", field=_(wanted.name), high=wanted.high)
    if _special(base, wanted):
        return _("%(base)s takes no step", base=base) if slash else None
    if base == "*":
        return None
    low, dash, high = base.partition("-")
    if problem := _bad_value(low, wanted) or (dash and _bad_value(high, wanted)):
        return problem
    if dash and _number(high, wanted) < _number(low, wanted):
        bottom, *_between, top = wanted.names or (wanted.low, wanted.high)
        rest = high if high == str(bottom) else f"{bottom}-{high}"
        return _("%(base)s runs backwards. Write %(range)s", base=base, range=f"{low}-{top},{rest}")
    return None


def _foreign_sign(term: str, wanted: FieldOf) -> str | None:
    if "?" in term:
        return _("? comes from another dialect. Write * instead")
    if "~" in term or re.fullmatch(r"H(\(.*\))?(/\d+)?", term):
        return _("%(term)s asks for a time by chance. Use a rule of kind random", term=term)
    if wanted.name == "days of the month" and re.fullmatch(r"\d+W", term):
        return _(
            "%(term)s, the working day nearest a date, cannot be used. Write the date and add a calendar", term=term
        )
    return None


def _special(base: str, wanted: FieldOf) -> bool:
    if wanted.name == "days of the month":
        return base in ("L", "LW")
    if wanted.name == "days of the week":
        return bool(re.fullmatch(r"[0-7]L|([0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]", base))
    return False


def _bad_value(text: str, wanted: FieldOf) -> str | None:
    if text in wanted.names:
        return None
    if _NUMBER.fullmatch(text):
        fits = wanted.low <= int(text) <= wanted.high
        told = _("%(field)s go from %(low)s to %(high)s", field=_(wanted.name), low=wanted.low, high=wanted.high)
        return None if fits else told
    named = {"field": _(wanted.name), "low": wanted.low, "high": wanted.high, "text": text}
    if not wanted.names:
        return _('%(field)s go from %(low)s to %(high)s, and "%(text)s" is none of them', **named)
    return _(
        '%(field)s go from %(low)s to %(high)s or %(first)s to %(last)s, and "%(text)s" is none of them',
        first=wanted.names[0], last=wanted.names[-1], **named,
    )  # fmt: skip


def _number(text: str, wanted: FieldOf) -> int:
    return wanted.names.index(text) + wanted.low if text in wanted.names else int(text)


def _never(text: str, parts: list[str]) -> str:
    """cronsim refuses a date that no year has, such as 30 February."""
    day, month = (3, 4) if len(parts) == 6 else (2, 3)
    among = [_(month_name[number]) for number in sorted(CronSim(f"0 0 1 {parts[month]} *", _ANY).months)]
    return ngettext(
        '"%(text)s": %(months)s never has a day %(day)s. Change the %(first)s or the %(second)s field',
        '"%(text)s": %(months)s never have a day %(day)s. Change the %(first)s or the %(second)s field',
        len(among), text=text, months=listed(among), day=parts[day], first=_(NTH_FIELDS[day]), second=_(NTH_FIELDS[month]),
    )  # fmt: skip
