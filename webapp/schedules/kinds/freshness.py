"""For object sets: a member is due when nothing has covered it for so long.

When that is follows from the members' own history. The rule only says how often somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.windows import DAY
from webapp.calendars.zones import When, wall_time
from webapp.language import _
from webapp.schedules.fields import Fields, Given, duration
from webapp.schedules.seed import Seed
from webapp.schedules.words import every_words

CHECK = timedelta(minutes=1)

example: dict[str, Any] = {"kind": "freshness", "every": "24h"}


@dataclass(frozen=True)
class Freshness:
    every: timedelta


def parse(fields: Fields, given: Given) -> Freshness:
    every = fields.need("every", duration, _("Enter how fresh each object must be, like 24h")) or DAY
    if every < CHECK.total_seconds():
        fields.wrong("every", _("Members are looked at each minute. Enter 1m or more"))
    return Freshness(timedelta(seconds=every))


def after(rule: Freshness, moment: datetime, tz: ZoneInfo, seed: Seed) -> When:
    at = moment.astimezone(UTC).replace(second=0, microsecond=0) + CHECK
    return When(at, None, wall_time(at, tz))


def describe(rule: Freshness, zone: str) -> str:
    every = every_words(int(rule.every.total_seconds()))
    return _("%(every)s for each object, checked every minute", every=every)
