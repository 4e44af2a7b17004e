"""A stored schedule as the engine sees it, and when the scheduler has to look at it next."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import current_app

from webapp import language
from webapp.calendars import queries as calendars
from webapp.calendars.days import DaysOff
from webapp.calendars.models import Calendar
from webapp.schedules import each_agent, engine, rules
from webapp.schedules.models import Schedule
from webapp.schedules.plan import Plan, Slot
from webapp.schedules.seed import Seed

FRESHNESS = "freshness"
# Agents come and go without telling: times that depend on them are looked at this often.
LOOK = timedelta(minutes=1)


def plan_of(schedule: Schedule) -> Plan:
    """RuleError when what is stored cannot be read."""
    stored = read(json.dumps(schedule.rule), schedule.timezone, schedule.starts_at, schedule.ends_at)
    return replace(stored, calendar=days_off(schedule.calendar), seed=seed_of(schedule.seed))


@lru_cache(maxsize=4096)
def read(rule: str, timezone: str, start: datetime | None, end: datetime | None) -> Plan:
    """Many schedules have the same rule, and each comes again."""
    return rules.parse(json.loads(rule), timezone, start=start, end=end)


def told(schedule: Schedule) -> str:
    """When it runs, in the language of who looks; what is stored is English."""
    if language.current() == language.ENGLISH:
        return schedule.text
    return engine.describe(plan_of(schedule))


def seed_of(token: str) -> Seed:
    """Chance of one schedule: nobody who has only the database, or only the key, can foretell it."""
    return Seed(_key(), token)


def days_off(calendar: Calendar | None) -> DaysOff | None:
    return calendars.days_off(calendar) if calendar else None


def reckon(schedule: Schedule, after: datetime, now: datetime) -> None:
    """After a change: its words, its next run and the next look at it, from its stored rule alone."""
    plan = plan_of(schedule)
    with language.in_english():
        schedule.text = engine.describe(plan)[:500]
    schedule.calendar_version = schedule.calendar.version if schedule.calendar else None
    if plan.per_agent:
        look_ahead_at_agents(schedule, plan, after, now)
    else:
        look_ahead(schedule, plan, engine.next_slot(plan, after))


def look_ahead(schedule: Schedule, plan: Plan, following: Slot | None) -> None:
    schedule.next_run_at, schedule.due_at = ahead(plan, following)


def ahead(plan: Plan, following: Slot | None) -> tuple[datetime | None, datetime | None]:
    """The next run, and the next look: also at slots that will be skipped, and at the end."""
    runs = engine.next_run(plan, following.at) if following and following.skipped else following
    return runs.at if runs else None, following.at if following else plan.end


def look_ahead_at_agents(schedule: Schedule, plan: Plan, after: datetime, now: datetime) -> None:
    first = each_agent.soonest(schedule, plan, after, now)
    schedule.next_run_at = first
    schedule.due_at = min(filter(None, (first, max(after, now) + LOOK, schedule.ends_at)))


def _key() -> bytes:
    app: Any = current_app
    if "schedule_key" not in app.extensions:
        secret = app.extensions["settings"].secret_key.encode()
        app.extensions["schedule_key"] = hmac.digest(secret, b"random times of schedules", "sha256")
    key: bytes = app.extensions["schedule_key"]
    return key
