"""What the rules promise, told in the simplest way: look at the clock on the wall every minute.

A wall time happens when the clock first shows it or something later. That one sentence is the whole
rule for changed clocks: a skipped time happens right after the gap, a repeated one the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def clock(begin: datetime, end: datetime, tz: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Each minute as (instant, what the clock on the wall shows)."""
    while begin <= end:
        yield begin, begin.astimezone(tz).replace(tzinfo=None)
        begin += MINUTE


def happens(walls: Iterable[datetime], begin: datetime, end: datetime, tz: ZoneInfo) -> dict[datetime, datetime]:
    """wall time → the instant at which it happens, for those between two instants."""
    left = sorted(walls, reverse=True)
    found = {}
    while left and begin <= end:
        shown = begin.astimezone(tz).replace(tzinfo=None)
        while left and left[-1] <= shown:
            found[left.pop()] = begin
        # No zone changes its clocks by a day: what is days ahead need not be awaited minute by minute.
        begin += DAY if left and left[-1] - shown > 2 * DAY else MINUTE
    return found


def fixed(
    on: Callable[[date], bool], times: Iterable[str], begin: datetime, end: datetime, tz: ZoneInfo
) -> list[datetime]:
    """When fixed wall times on certain dates are due, in (begin, end]."""
    walls = [datetime.fromisoformat(f"{day}T{time}") for day in _dates(begin, end) if on(day) for time in times]
    instants = happens(walls, begin - 3 * DAY, end, tz).values()
    return sorted({instant for instant in instants if begin < instant <= end})


def elapsed(matches: Callable[[datetime], bool], begin: datetime, end: datetime, tz: ZoneInfo) -> list[datetime]:
    """When a rule with a wildcard is due: at each minute whose wall time matches, both times if it comes twice."""
    return [instant for instant, shown in clock(begin + MINUTE, end, tz) if matches(shown)]


def every(
    length: timedelta, on: Callable[[date], bool], window: tuple[str, str], begin: datetime, end: datetime, tz: ZoneInfo
) -> list[datetime]:
    """An interval inside a window of one day: counted in elapsed time from the window's start."""
    spans = {
        day: tuple(datetime.fromisoformat(f"{day}T{time}") for time in window) for day in _dates(begin, end) if on(day)
    }
    when = happens([wall for span in spans.values() for wall in span], begin - 3 * DAY, end + 3 * DAY, tz)
    found = set()
    for first, last in spans.values():
        at = when.get(first)
        while at and at <= when.get(last, at - MINUTE):
            found.add(at)
            at += length
    return sorted(at for at in found if begin < at <= end)


def _dates(begin: datetime, end: datetime) -> list[date]:
    first = begin.astimezone(UTC).date() - 2 * DAY
    return [first + DAY * number for number in range((end - begin).days + 5)]
