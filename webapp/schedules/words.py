"""How schedules speak of times, lengths and lists."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime

from webapp.calendars.windows import DAY, clock

MONTHS = tuple(name[:3] for name in calendar.month_name)


def listed(words: Sequence[str], last: str = "and") -> str:
    """`Monday, Wednesday and Friday`."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def clocks(times_of_day: tuple[int, ...]) -> str:
    return listed([clock(second) for second in times_of_day])


def date_words(local: datetime) -> str:
    """`21 Nov 2026 06:00`."""
    time = clock(local.hour * 3600 + local.minute * 60 + local.second)
    return f"{local.day} {MONTHS[local.month]} {local.year} {time}"


def length_words(total: int) -> str:
    """`15 minutes`, `90 minutes`, `36 hours`, `2 days`, `2 hours 30 minutes`."""
    parts: list[str] = []
    for unit, size in (("day", DAY), ("hour", 3600), ("minute", 60), ("second", 1)):
        # Small odd lengths stay in one unit; a single day is clearer in hours.
        whole = total % size == 0 and unit != "day"
        if total >= (size if whole or parts else 2 * size):
            count, total = divmod(total, size)
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts)


def every_words(total: int) -> str:
    """`Every 15 minutes`, `Every hour`."""
    words = length_words(total)
    return f"Every {words.removeprefix('1 ') if words.count(' ') == 1 else words}"
