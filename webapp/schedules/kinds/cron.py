"""A cron expression of five fields, or of six with the seconds first.

Fixed hours and minutes are wall times. With a wildcard it runs at every instant whose wall time
matches: through both passes of a repeated hour, and not inside a skipped one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.zones import DAY, When, offset, resolve, transition, wall_time
from webapp.language import _
from webapp.schedules.cron_words import describe
from webapp.schedules.crontab import Cron, read
from webapp.schedules.fields import Fields, Given
from webapp.schedules.seed import Seed

__all__ = ["after", "describe", "example", "parse"]

ONE_SECOND = timedelta(seconds=1)

example: dict[str, Any] = {"kind": "cron", "expr": "30 9 * * 1-5"}


def parse(fields: Fields, given: Given) -> Cron | None:
    return fields.need("expr", lambda value: read(str(value)), _("Enter a cron expression, like 30 9 * * 1-5"))


def after(rule: Cron, moment: datetime, tz: ZoneInfo, seed: Seed) -> When | None:
    return _fixed(rule, moment, tz) if rule.fixed else _elapsed(rule, moment, tz)


def _fixed(rule: Cron, moment: datetime, tz: ZoneInfo) -> When | None:
    now = wall_time(moment, tz).replace(microsecond=0) + ONE_SECOND
    while match := rule.first_match(now):
        found = resolve(match, tz)
        if found.at > moment:
            return found
        now = match + ONE_SECOND
    return None


def _elapsed(rule: Cron, moment: datetime, tz: ZoneInfo) -> When | None:
    """Each round reads the clock with one offset and goes no further than that offset holds."""
    begin = moment.replace(microsecond=0) + ONE_SECOND
    while match := rule.first_match(wall_time(begin, tz)):
        at = (match - offset(begin, tz)).replace(tzinfo=UTC)
        if change := transition(tz, begin, min(at, begin + DAY)):
            begin = change
        elif at <= begin + DAY:
            return When(at, None, match)
        else:
            # Far away: no earlier date matches, so only the offsets near the match count.
            begin = at - DAY
    return None
