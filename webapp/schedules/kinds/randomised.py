"""Once on each of its dates, at a time inside a window that chance chooses: business hours by default.

The time follows from the installation's key, the schedule, the local date and, per agent, the agent.
So there is one a day, it is the same after a restart, and nobody without the key can foretell it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.windows import Window, wall, window
from webapp.calendars.zones import When, resolve, wall_time
from webapp.language import _
from webapp.schedules.dates import ONE_DAY, WORKWEEK, Dates, Weekdays, weekdays
from webapp.schedules.fields import Fields, Given
from webapp.schedules.kinds.monthly import dates_of_month
from webapp.schedules.seed import Seed

BUSINESS_HOURS = Window(9 * 3600, 17 * 3600)
FLEET, AGENT = "fleet", "agent"

example: dict[str, Any] = {
    "kind": "random",
    "between": ["09:00", "17:00"],
    "days": ["mon", "tue", "wed", "thu", "fri"],
}


@dataclass(frozen=True)
class Random:
    window: Window
    dates: Dates
    per: str


def parse(fields: Fields, given: Given) -> Random:
    between = fields.read("between", window, BUSINESS_HOURS)
    per = fields.read("per", _fleet_or_agent, FLEET)
    of_month = dates_of_month(fields)
    if fields.has("days") and (fields.has("day") or fields.has("nth")):
        fields.wrong("days", _("Choose days of the week or a day of the month. Remove one of them"))
    days = fields.read("days", weekdays, Weekdays(WORKWEEK))
    return Random(between, of_month or days, per)


def _fleet_or_agent(value: Any) -> str:
    if value not in (FLEET, AGENT):
        raise ValueError(_("Choose fleet for one time for all, or agent for a time of its own for each"))
    return value


def after(rule: Random, moment: datetime, tz: ZoneInfo, seed: Seed) -> When | None:
    start, end = rule.window
    today = wall_time(moment, tz).date()
    day = rule.dates.on_or_after(today - ONE_DAY if rule.window.overnight else today)
    while day is not None:
        found = resolve(wall(day, start + seed.draw(day.isoformat(), end - start)), tz)
        if found.at > moment:
            return found
        day = rule.dates.on_or_after(day + ONE_DAY)
    return None


def describe(rule: Random, zone: str) -> str:
    named = {"dates": rule.dates.words(), "window": rule.window, "zone": zone}
    if rule.per == AGENT:
        return _("%(dates)s at a random time %(window)s %(zone)s, another one for each agent", **named)
    return _("%(dates)s at a random time %(window)s %(zone)s", **named)
