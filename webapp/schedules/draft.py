"""What somebody wants a schedule to be: read and checked once, for forms, programs and imports alike."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.calendars import queries as calendars
from webapp.calendars.models import Calendar
from webapp.db import writing
from webapp.language import _
from webapp.objects import sets
from webapp.objects.values import FieldErrors
from webapp.plugins import queries as plugins
from webapp.schedules import engine, plans, policies, rules
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule
from webapp.schedules.plan import Plan
from webapp.tasks import kinds, launch
from webapp.tasks import spec as specs
from webapp.tasks.spec import ANYONE, OBJECT_SET, Spec, SpecError

FIELDS = ("name", "spec", "rule", "timezone", "calendar", "misfire", "overlap", "start", "end", "seed")
OF_THE_SCHEDULE = ("timezone", "start", "end", "rule")
LONGEST_NAME = 200


@dataclass(frozen=True)
class Aim:
    """What runs: a spec of the schedule's own, or something that a feature above knows how to start."""

    type: str
    what: str
    scope: str = ""
    spec: Spec | None = None
    definition_id: int | None = None
    group_id: int | None = None

    @property
    def plugin_id(self) -> str | None:
        return str(self.spec.data["plugin_id"]) if self.spec and self.spec.data.get("plugin_id") else None

    @property
    def object_set_id(self) -> int | None:
        return int(self.spec.target.names[0]) if self.spec and self.spec.target.kind == OBJECT_SET else None

    def columns(self) -> dict[str, Any]:
        return {
            "type": self.type, "what": self.what[:200], "scope": self.scope[:200], "spec": self.spec.to_json() if self.spec else None,
            "definition_id": self.definition_id, "group_id": self.group_id, "plugin_id": self.plugin_id,
            "object_set_id": self.object_set_id,
        }  # fmt: skip


@dataclass(frozen=True)
class Draft:
    name: str
    aim: Aim
    rule: dict[str, Any]
    plan: Plan
    calendar: Calendar | None
    misfire: str
    overlap: str
    seed: str

    def columns(self) -> dict[str, Any]:
        return self.aim.columns() | {
            "name": self.name, "rule": self.rule, "timezone": self.plan.zone.key,
            "calendar_id": self.calendar.id if self.calendar else None, "misfire": self.misfire, "overlap": self.overlap,
            "seed": self.seed, "starts_at": self.plan.start, "ends_at": self.plan.end,
        }  # fmt: skip


def aim_of(schedule: Schedule) -> Aim | None:
    """Of one that points at a definition or a group: that does not change with its times."""
    if not (schedule.definition_id or schedule.group_id):
        return None
    return Aim(schedule.type, schedule.what, schedule.scope, None, schedule.definition_id, schedule.group_id)


def new_seed() -> str:
    return secrets.token_hex(16)


def read(given: Mapping[str, Any], now: datetime, before: Schedule | None = None, aim: Aim | None = None) -> Draft:
    """All of it, as the contract names its fields; FieldErrors for everything that is wrong at once.

    `aim` is what runs where that is no spec of the schedule's own.
    """
    errors: list[dict[str, str]] = []
    calendar = _calendar(given.get("calendar"), errors)
    seed = _seed(given.get("seed")) or (before.seed if before else new_seed())
    plan = _plan(given, calendar, seed, _asked_at(given, before, now), errors)
    try:
        aim = aim or read_aim(given.get("spec"), now)
    except FieldErrors as wrong:
        errors += wrong.errors
    misfire = _one_of("misfire", given.get("misfire") or policies.ONCE, policies.MISFIRE, errors)
    overlap = _one_of("overlap", given.get("overlap") or policies.SKIP, policies.OVERLAP, errors)
    if plan and aim:
        errors += _unfit(plan, aim, now)
    name = str(given.get("name") or "").strip() or (aim.what if aim else "")
    if len(name) > LONGEST_NAME:
        errors.append(
            {"field": "name", "message": _("Use %(longest_name)s characters at most", longest_name=LONGEST_NAME)}
        )
    if errors or plan is None or aim is None:
        raise FieldErrors(errors)
    return Draft(name, aim, dict(given["rule"]), plan, calendar, misfire, overlap, seed)


def _asked_at(given: Mapping[str, Any], before: Schedule | None, now: datetime) -> datetime | None:
    """What has passed is refused, unless nobody has touched it: an old end may stay while the name is changed."""
    same = before is not None and given.get("rule") == before.rule and given.get("timezone") == before.timezone
    return None if same else now


def _plan(
    given: Mapping[str, Any], calendar: Calendar | None, seed: str, now: datetime | None, errors: list[dict[str, str]]
) -> Plan | None:
    try:
        return rules.parse(
            given.get("rule"), given.get("timezone") or "UTC", start=given.get("start"), end=given.get("end"),
            calendar=plans.days_off(calendar), seed=plans.seed_of(seed), now=now,
        )  # fmt: skip
    except RuleError as wrong:
        errors += at_rule(wrong.errors)
        return None


def at_rule(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rule's own fields by their path, as programs send them."""
    return [
        error if error["field"] in OF_THE_SCHEDULE else {**error, "field": f"rule.{error['field']}"} for error in errors
    ]


def read_aim(given: Any, now: datetime) -> Aim:
    if not isinstance(given, Mapping):
        raise FieldErrors([{"field": "spec", "message": _("Choose what is to run")}])
    try:
        spec = specs.parse(given)
        if spec.options.not_before or spec.options.window:
            raise specs.error("options.not_before", _("The rule says when it runs. Leave not_before and window out"))
        return Aim(spec.type, what_of(spec, now), scope_of(spec), kinds.sealed(spec))
    except SpecError as wrong:
        raise FieldErrors([{**error, "field": f"spec.{error['field']}"} for error in wrong.errors]) from wrong


def what_of(spec: Spec, now: datetime) -> str:
    """What a launch would call it, once it is sure that a launch would take it."""
    if spec.target.kind != OBJECT_SET:
        return launch.check(spec, now)[0][0].what
    found = sets.find(spec.target.names[0], writing())
    if found is None:
        raise specs.error(
            "target.object_set", _("There is no object set %(names)s in this organization", names=spec.target.names[0])
        )
    if member := next(sets.keys(found, now), None):
        return launch.check(spec, now, members=(member,))[0][0].what
    # Nobody is in it yet, so there is nothing to try the plugin with.
    plugin = plugins.find(str(spec.data.get("plugin_id")))
    if plugin is None:
        raise specs.error("data.plugin_id", _("Choose a plugin"))
    return plugin.manifest.name


def scope_of(spec: Spec) -> str:
    """On whom it runs, in words."""
    target, number = spec.target, len(spec.target.names)
    if target.kind == specs.TAGS:
        joined = (" and " if target.match == "all" else " or ").join(target.names)
        return f"Agents with {joined}"
    if target.kind == OBJECT_SET:
        return "Object set"  # its name is read where it is shown, since it can change
    if target.kind in (specs.AGENTS, specs.OBJECTS, specs.FILES):
        noun = {specs.AGENTS: "agent", specs.OBJECTS: "object", specs.FILES: "file"}[target.kind]
        return (
            target.names[0] if number == 1 and target.kind != specs.AGENTS else f"{number} {noun}{'s' * (number > 1)}"
        )
    if target.kind in (specs.ALL, ANYONE):
        return _("All agents") if target.kind == specs.ALL else _("Anyone")
    if target.kind == specs.USER:
        return f"Agents of {target.names[0]}"
    inputs = spec.data.get("input_data")
    return f"{len(inputs)} inputs" if isinstance(inputs, list) and len(inputs) > 1 else ""


def _unfit(plan: Plan, aim: Aim, now: datetime) -> list[dict[str, str]]:
    """Rules that need a certain kind of target, and those that never come true."""
    kind = aim.spec.target.kind if aim.spec else ""
    if plan.kind == plans.FRESHNESS and (kind != OBJECT_SET or aim.type != "plugin"):
        text = _("Only a plugin on an object set can be kept fresh. Choose an object set, or another kind of rule")
        return [{"field": "rule.kind", "message": text}]
    if plan.per_agent and kind not in specs.ON_AGENTS - {ANYONE}:
        text = _("Only agents have times of their own. Choose which agents, or one time for all")
        return [{"field": "rule.per", "message": text}]
    if engine.next_run(plan, now) is None:
        return [{"field": "rule", "message": _("This has no run ahead. Change when it runs, or choose a later end")}]
    return []


def _calendar(said: Any, errors: list[dict[str, str]]) -> Calendar | None:
    if said in (None, ""):
        return None
    found = calendars.find(said, writing())
    if found is None:
        errors.append(
            {"field": "calendar", "message": _('There is no calendar "%(said)s". Choose one of the list', said=said)}
        )
    return found


def _one_of(name: str, value: Any, known: tuple[str, ...], errors: list[dict[str, str]]) -> str:
    if value not in known:
        errors.append(
            {
                "field": name,
                "message": _("Choose %(known)s or %(known2)s", known=", ".join(known[:-1]), known2=known[-1]),
            }
        )
    return str(value)


def _seed(given: Any) -> str:
    text = str(given or "")
    return text if len(text) == 32 and all(sign in "0123456789abcdef" for sign in text) else ""
