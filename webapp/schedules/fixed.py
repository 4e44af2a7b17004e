"""Rules of fixed wall times: certain dates, and on each of them the same times of day."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from webapp.calendars.windows import wall
from webapp.calendars.zones import When, resolve, wall_time
from webapp.language import _
from webapp.schedules.dates import ONE_DAY, Dates
from webapp.schedules.seed import Seed
from webapp.schedules.words import clocks


@dataclass(frozen=True)
class Fixed:
    dates: Dates
    times: tuple[int, ...]


def after(rule: Fixed, moment: datetime, tz: ZoneInfo, seed: Seed) -> When | None:
    now = wall_time(moment, tz)
    day = rule.dates.on_or_after(now.date())
    passed = bisect_right(rule.times, now.hour * 3600 + now.minute * 60 + now.second)
    times = rule.times[passed:] if day == now.date() else rule.times
    while day is not None:
        for second in times:
            found = resolve(wall(day, second), tz)
            # Not later: times of a gap fall together, and the second pass of a repeated hour is over.
            if found.at > moment:
                return found
        day, times = rule.dates.on_or_after(day + ONE_DAY), rule.times
    return None


def describe(rule: Fixed, zone: str) -> str:
    return _("%(dates)s at %(times)s %(zone)s", dates=rule.dates.words(), times=clocks(rule.times), zone=zone)
