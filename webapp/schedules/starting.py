"""How a run of a schedule is started. What the schedule points at decides; definitions and groups are launched by
features above this one, so whoever ticks hands their starters in.

A starter is `start(schedule, run) -> Started`. It raises SpecError or Refused when it cannot be started now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from flask import current_app

from webapp.agents import queries as agents
from webapp.db import writing_to
from webapp.events import Actor
from webapp.language import _
from webapp.objects import sets
from webapp.refusal import Refused
from webapp.schedules.models import Schedule
from webapp.tasks import kinds, launch, targets
from webapp.tasks.launch import Origin
from webapp.tasks.models import Batch
from webapp.tasks.spec import AGENTS, OBJECT_SET, Spec, Target, parse
from webapp.tasks.states import Trigger

BITE = 500  # members of an object set in one transaction


@dataclass(frozen=True)
class Run:
    """One start: by whom, when, for which slot and, where each has its own time, for which agent."""

    by: Actor
    now: datetime
    trigger: Trigger = Trigger.SCHEDULE
    slot_id: int | None = None
    agent: str = ""


@dataclass(frozen=True)
class Started:
    """`left` are targets that follow in later bites, `text` is what people should know."""

    batch: Batch
    left: tuple[str, ...] = ()
    text: str = ""


Starter = Callable[[Schedule, Run], Started]
Starters = Mapping[str, Starter]


def points_at(schedule: Schedule) -> str:
    return "group" if schedule.group_id else "definition" if schedule.definition_id else "spec"


def start(schedule: Schedule, run: Run, starters: Starters) -> Started:
    starter = starters.get(points_at(schedule))
    if starter is None:
        raise Refused("no_starter", _("A %(schedule)s cannot be started from here", schedule=points_at(schedule)))
    with writing_to(schedule.organization_id):
        return starter(schedule, run)


def start_spec(schedule: Schedule, run: Run) -> Started:
    spec = parse(schedule.spec or {})
    if run.agent:
        spec = replace(spec, target=Target(AGENTS, (run.agent,)))
    if spec.target.kind == OBJECT_SET:
        return start_members(schedule, run, spec, _members(schedule, spec, run.now))
    spec, text = _present(spec, schedule.organization_id)
    return Started(launch.launch(spec, run.trigger, run.by, run.now, origin=origin(schedule, run)), text=text)


def start_members(schedule: Schedule, run: Run, spec: Spec, keys: list[str]) -> Started:
    first, left = keys[:BITE], tuple(keys[BITE:])
    whence = origin(schedule, run)
    return Started(launch.launch(spec, run.trigger, run.by, run.now, origin=whence, members=first), left)


def go_on(schedule: Schedule, run: Run, batch: Batch, keys: list[str]) -> list[str]:
    """The next bite of a target that was too large for one; answers with what is still left."""
    spec = parse(schedule.spec or {})
    launch.extend(batch, spec, run.by, run.now, members=keys[:BITE], origin=origin(schedule, run))
    return keys[BITE:]


def origin(schedule: Schedule, run: Run) -> Origin:
    return Origin(schedule_id=schedule.id, slot_id=run.slot_id, definition_id=schedule.definition_id)


def actor(schedule: Schedule) -> Actor:
    return Actor("schedule", schedule.name)


def _members(schedule: Schedule, spec: Spec, now: datetime) -> list[str]:
    found = sets.find(spec.target.names[0], schedule.organization_id)
    if found is None:
        raise Refused("no_targets", _("The object set %(names)s is no longer there", names=spec.target.names[0]))
    keys = list(sets.keys(found, now))
    if not keys:
        raise Refused("no_targets", sets.problem(found) or f"{found.name} had no members")
    return keys


def _present(spec: Spec, organization_id: int) -> tuple[Spec, str]:
    """One host that has gone or changed must not stop the others."""
    if spec.target.kind != AGENTS or len(spec.target.names) == 1:
        return spec, ""
    found, unknown = agents.named(spec.target.names, organization_id)
    data = kinds.of(spec.type).prepare(spec)[0].data
    fits, reasons = targets.capable(spec.type, data, found)
    if not fits or len(fits) == len(spec.target.names):
        return spec, ""
    told = [_("There is no agent %(name)s", name=name) for name in unknown] + reasons
    return replace(spec, target=replace(spec.target, names=tuple(agent.uuid for agent in fits))), "; ".join(told)[:500]


STARTERS: Starters = {"spec": start_spec}


def of_app() -> Starters:
    """In a request: those that features above have added."""
    found: Starters = current_app.extensions.get("starters", STARTERS)
    return found
