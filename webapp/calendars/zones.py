"""Time zones: their names, and what a wall time means on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata, resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

from webapp.language import _

GAP, REPEATED = "gap", "repeated"
DAY = timedelta(days=1)
_SECOND, _NONE = timedelta(seconds=1), timedelta(0)


class UnknownZone(ValueError):
    """The message names the nearest zone that exists."""


class When(NamedTuple):
    """A real instant, the wall time that was asked for, and how the two differ."""

    at: datetime
    note: str | None
    wall: datetime


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return tuple(sorted(name for name in listed if name != "Factory"))


def tzdata_version() -> str:
    return metadata.version("tzdata")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    if name not in _known():
        raise UnknownZone(_('There is no time zone "%(name)s". %(name2)s', name=name, name2=_suggestion(name)))
    # The packaged data and never the host's: one name means the same times on every machine.
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    return {name: name for name in names()}


def _suggestion(name: str) -> str:
    folded = {known.lower(): known for known in names()}
    cities = {known.rsplit("/", 1)[-1].lower(): known for known in names()}
    wanted = name.strip().lower().replace(" ", "_")
    for table in (folded, cities):
        if close := get_close_matches(wanted, table, n=1, cutoff=0.7):
            return _("Did you mean %(table)s?", table=table[close[0]])
    return _("Choose a name such as Europe/Amsterdam or UTC")


def resolve(wall: datetime, tz: ZoneInfo) -> When:
    """When a naive wall time happens.

    A time that exists twice means its first occurrence; one that the clocks jump over means the
    first instant after the jump. The result never goes back when `wall` goes on.
    """
    first = wall.replace(tzinfo=tz)
    before = first.utcoffset() or _NONE
    after = first.replace(fold=1).utcoffset() or _NONE
    if before == after:
        return When((wall - before).replace(tzinfo=UTC), None, wall)
    at = (wall - before).replace(tzinfo=UTC)
    if before > after:
        return When(at, REPEATED, wall)
    # Read with the later offset, a time inside the gap lies before the jump; with the earlier, after.
    jump = transition(tz, (wall - after).replace(tzinfo=UTC), at)
    return When(jump or at, GAP, wall)


def day_start(day: date, tz: ZoneInfo) -> datetime:
    return resolve(datetime.combine(day, time.min), tz).at


def wall_time(moment: datetime, tz: ZoneInfo) -> datetime:
    """What the clock on the wall shows, as a naive time."""
    return moment.astimezone(tz).replace(tzinfo=None, fold=0)


def offset(moment: datetime, tz: ZoneInfo) -> timedelta:
    return moment.astimezone(tz).utcoffset() or _NONE


def transition(tz: ZoneInfo, low: datetime, high: datetime) -> datetime | None:
    """The first instant in (low, high] with another offset than `low`.

    Meant for spans of at most a day or two, in which no zone changes its clocks twice.
    """
    old = offset(low, tz)
    if offset(high, tz) == old:
        return None
    low = low.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if offset(middle, tz) == old:
            low = middle
        else:
            high = middle
    return high
