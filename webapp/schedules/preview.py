"""What a rule will do, before anybody saves it: for the form and for programs alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from webapp.calendars.days import DaysOff
from webapp.calendars.models import Calendar
from webapp.language import _
from webapp.schedules import engine, plans, rules
from webapp.schedules.plan import Plan
from webapp.schedules.words import date_words

SHOWN = 6
MOST = 100


@dataclass(frozen=True)
class Preview:
    """`text` is the rule in words; a form that says "now" has neither slots nor errors."""

    text: str = ""
    slots: Sequence[Mapping[str, Any]] = ()
    errors: Sequence[str] = ()
    zone: str = ""
    notes: Sequence[str] = field(default=())


def plan_of(given: Mapping[str, Any], off: DaysOff | None, now: datetime | None) -> Plan:
    """RuleError for everything about when that cannot be."""
    return rules.parse(
        given.get("rule"), str(given.get("timezone") or "UTC"), start=given.get("start"), end=given.get("end"),
        calendar=off, seed=plans.seed_of(str(given.get("seed") or "")), now=now,
    )  # fmt: skip


def preview_of(given: Mapping[str, Any], calendar: Calendar | None, now: datetime, count: int = SHOWN) -> Preview:
    if given["rule"].get("kind") == "now":
        return Preview(_("Runs once, as soon as it is created"))
    plan = plan_of(given, plans.days_off(calendar), now)
    told = engine.preview(plan, now, count)
    return Preview(told["text"], [shown(slot) for slot in told["slots"]], zone=plan.zone.key, notes=_notes(plan))


def shown(slot: Mapping[str, Any]) -> dict[str, Any]:
    """As pages show it: the instant for the reader's clock, and the words of the schedule's own."""
    wall = datetime.fromisoformat(slot["local"])
    said = f"{_(wall.strftime('%a'))} {date_words(wall)}"
    return {**slot, "when": datetime.fromisoformat(slot["at"]), "said": said, "offset": slot["local"][-6:]}


def _notes(plan: Plan) -> list[str]:
    if plan.per_agent:
        return [_("Each agent has its own time within the window; this is one of them")]
    return []
