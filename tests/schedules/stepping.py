"""Short ways to ask a rule when it is due."""

from __future__ import annotations

from datetime import UTC, datetime

from webapp.calendars.days import DaysOff
from webapp.schedules import engine, rules
from webapp.schedules.plan import Slot
from webapp.schedules.seed import Seed

SEED = Seed(b"the installation's key", "schedule-1")


def plan(rule: dict, zone: str = "Europe/Amsterdam", **given):
    return rules.parse(rule, zone, **{"seed": SEED, **given})


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(rule: dict, zone: str, after: str, count: int, **given) -> list[str]:
    """The next slots as local times with offset, like 2026-03-29T03:00+02:00."""
    return [f"{slot.local:%Y-%m-%dT%H:%M}{slot.local:%z}" for slot in following(rule, zone, after, count, **given)]


def following(rule: dict, zone: str, after: str, count: int, **given) -> list[Slot]:
    made = plan(rule, zone, **given)
    return engine.slots(made, instant(after), instant("2199-01-01"), count)


def errors(rule, zone: str = "Europe/London", **given) -> list[tuple[str, str]]:
    try:
        rules.parse(rule, zone, **given)
    except rules.RuleError as refused:
        return [(error["field"], error["message"]) for error in refused.errors]
    return []


def error(rule, zone: str = "Europe/London", **given) -> tuple[str, str]:
    (only,) = errors(rule, zone, **given)
    return only


def words(rule: dict, zone: str = "Europe/Amsterdam", **given) -> str:
    return engine.describe(plan(rule, zone, **given))


def days_off(*dates: str, policy: str = "skip") -> DaysOff:
    return DaysOff("UK holidays", {datetime.fromisoformat(day).date(): "Bank holiday" for day in dates}, policy)
