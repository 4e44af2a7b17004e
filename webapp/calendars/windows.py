"""Times of day, and windows between two of them, as whole seconds since local midnight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from webapp.calendars import zones
from webapp.language import _

DAY = 86400
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class Window(NamedTuple):
    """From start to end, both included. An end past 24:00 lies on the next day."""

    start: int
    end: int

    @property
    def overnight(self) -> bool:
        return self.end > DAY

    def bounds(self, day: date, tz: ZoneInfo) -> tuple[zones.When, zones.When]:
        return zones.resolve(wall(day, self.start), tz), zones.resolve(wall(day, self.end), tz)

    def __str__(self) -> str:
        if self.overnight:
            return _("%(start)s–%(end)s (next day)", start=clock(self.start), end=clock(self.end - DAY))
        return f"{clock(self.start)}–{clock(self.end)}"


def wall(day: date, second: int) -> datetime:
    return datetime.combine(day, time.min) + timedelta(seconds=second)


def time_of_day(text: Any) -> int:
    match = _TIME.fullmatch(str(text).strip())
    hour, minute, second = (int(part or 0) for part in match.groups()) if match else (99, 0, 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(_('"%(text)s" is not a time of day. Enter one from 00:00 to 23:59, like 09:30', text=text))
    return hour * 3600 + minute * 60 + second


def window(pair: Any) -> Window:
    """`["09:00", "17:00"]`; an end on the next day is said outright, `["22:00", "06:00+1"]`,
    so that a swapped pair is an error and not a night shift."""
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise ValueError(_("Enter a start and an end, like 09:00 and 17:00"))
    start, end = time_of_day(pair[0]), _end_of_window(str(pair[1]).strip())
    if end <= start:
        raise ValueError(
            _(
                "The end of the window must be later than %(start)s. If it ends the next day, write %(end)s+1",
                start=clock(start),
                end=clock(end),
            )
        )
    if end - start > DAY:
        raise ValueError(_("A window is at most 24 hours long. Choose an earlier end"))
    return Window(start, end)


def _end_of_window(text: str) -> int:
    if text in ("24:00", "24:00:00"):
        return DAY
    if text.endswith("+1"):
        return time_of_day(text.removesuffix("+1")) + DAY
    return time_of_day(text)


def clock(second: int) -> str:
    """09:30, or 09:30:15 when it matters."""
    text = f"{second // 3600:02d}:{second // 60 % 60:02d}"
    return f"{text}:{second % 60:02d}" if second % 60 else text
