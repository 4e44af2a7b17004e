"""Reading a rule's fields: one at a time, gathering what is wrong with each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from webapp.calendars.days import read_date
from webapp.calendars.windows import DAY, time_of_day, wall
from webapp.calendars.zones import When, resolve, wall_time
from webapp.language import N_, _
from webapp.schedules.words import listed
from webapp.tasks.duration import seconds

T = TypeVar("T")
MOST_TIMES = 100
AT_LEAST_ONE = N_("Enter at least one time, like 09:30")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?")


class RuleError(ValueError):
    """The rule cannot be used; each error names its field."""

    def __init__(self, errors: list[dict[str, str]]):
        super().__init__("; ".join(f"{error['field']}: {error['message']}" for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class Given:
    """What a rule may need to know of its schedule while it is read."""

    zone: ZoneInfo
    start: datetime | None = None
    now: datetime | None = None


class Fields:
    def __init__(self, rule: Mapping[str, Any], kind: str):
        self.kind = kind
        self.errors: list[dict[str, str]] = []
        # A field that is null or empty is a field that was left out, as forms send it.
        self._values = {name: value for name, value in rule.items() if value not in (None, "", [])}
        self._known = ["kind"]

    def has(self, name: str) -> bool:
        return name in self._values

    def need(self, name: str, reader: Callable[[Any], T], missing: str) -> T | None:
        """The value of a field that the rule cannot do without; `missing` asks for it."""
        if not self.has(name):
            self.wrong(name, missing)
        return self.read(name, reader, None)

    def read(self, name: str, reader: Callable[[Any], T], default: T) -> T:
        self._known.append(name)
        if not self.has(name):
            return default
        try:
            return reader(self._values[name])
        except ValueError as wrong:
            self.wrong(name, str(wrong))
            return default

    def wrong(self, name: str, message: str) -> None:
        self.errors.append({"field": name, "message": message})

    def finish(self) -> None:
        for name in self._values:
            if name not in self._known:
                close = get_close_matches(str(name), self._known, n=1)
                hint = _("It takes %(known)s", known=listed(self._known[1:]))
                if close:
                    hint = _("Did you mean %(name)s?", name=close[0])
                self.wrong(
                    str(name),
                    _('A rule of kind %(kind)s has no "%(name)s". %(hint)s', kind=self.kind, name=name, hint=hint),
                )


def times(value: Any) -> tuple[int, ...]:
    """One or more times of day, sorted, each once."""
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not texts:
        raise ValueError(AT_LEAST_ONE)
    if len(texts) > MOST_TIMES:
        raise ValueError(
            _("A rule has at most %(most_times)s times. Use an interval, or several schedules", most_times=MOST_TIMES)
        )
    return tuple(sorted({time_of_day(text) for text in texts}))


def duration(value: Any) -> int:
    """`90s`, `15m`, `1h`; a plain number is seconds."""
    total = seconds(str(value))
    if not 1 <= total <= 366 * DAY:
        raise ValueError(_("Enter a length from 1s to 366d, like 15m"))
    return total


def moment(value: Any, tz: ZoneInfo) -> When:
    """`2026-12-01T09:00` on the clock of the zone, or an exact instant with `Z` or an offset."""
    if isinstance(value, datetime) and value.tzinfo:
        at = value.astimezone(UTC)
        return When(at, None, wall_time(at, tz))
    match = _MOMENT.fullmatch(value.isoformat() if isinstance(value, (date, datetime)) else str(value).strip())
    if not match:
        raise ValueError(_('"%(value)s" is not a date and time. Enter one like 2026-12-01T09:00', value=value))
    local = wall(read_date(match[1]), time_of_day(match[2] or "00:00"))
    if not match[3]:
        return resolve(local, tz)
    at = local.replace(tzinfo=_offset(match[3])).astimezone(UTC)
    return When(at, None, wall_time(at, tz))


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(_('"%(text)s" is not an offset from UTC. Enter one like +01:00', text=text))
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))
