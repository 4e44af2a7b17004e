"""Where a spec runs: which places it is put on now, and which are looked for when it becomes due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from webapp.agents import queries as agents
from webapp.agents.models import Agent
from webapp.db import db
from webapp.language import _
from webapp.objects import sets
from webapp.tasks import kinds
from webapp.tasks.spec import AGENTS, ALL, ANYONE, OBJECT_SET, OBJECTS, TAGS, USER, Spec, SpecError, Target, error


@dataclass(frozen=True)
class Place:
    """A worker, an agent, or an owner for whom agents are still to be found."""

    executor: str
    owner: str = ""
    agent: Agent | None = None


WORKER = Place("worker")
LATER = frozenset({ALL, TAGS, USER})  # one task for each agent that matches when it is due


def places(spec: Spec, organization_id: int, now: datetime, due: bool) -> list[Place]:
    target = spec.target
    if not target.on_agents:
        return [WORKER]
    if target.kind == AGENTS:
        return [Place("agent", "agent", agent) for agent in _named(target, organization_id)]
    if target.kind == ANYONE:
        return [Place("agent", ANYONE)]
    found = matching(target, organization_id, now) if due else []
    return [Place("agent", target.kind, agent) for agent in found] or [Place("agent", target.kind)]


def _named(target: Target, organization_id: int) -> list[Agent]:
    found, unknown = agents.named(target.names, organization_id)
    if unknown:
        names = ", ".join(f'"{name}"' for name in unknown)
        raise SpecError(
            [{"field": "target.agents", "message": _("There is no agent %(names)s in this organization", names=names)}]
        )
    return found


def with_members(spec: Spec, organization_id: int, now: datetime, members: Sequence[str] | None = None) -> Spec:
    """An object set is who is in it at this moment, or those of them that the caller has chosen."""
    if spec.target.kind != OBJECT_SET:
        return spec
    if members is None:
        members = _members(spec.target, organization_id, now)
    return replace(spec, target=Target(OBJECTS, tuple(members)))


def _members(target: Target, organization_id: int, now: datetime) -> list[str]:
    found = sets.find(target.names[0], organization_id)
    if found is None:
        raise error(
            "target.object_set", _("There is no object set %(names)s in this organization", names=target.names[0])
        )
    keys = list(sets.keys(found, now))
    if not keys:
        raise error("target.object_set", sets.problem(found) or _("%(name)s has no members now", name=found.name))
    return keys


def matching(target: Target, organization_id: int, now: datetime) -> list[Agent]:
    """The agents that this target means at this moment."""
    if target.kind == AGENTS:
        return agents.named(target.names, organization_id)[0]
    mine = agents.active(organization_id)
    everyone: Sequence[Agent] = (
        db.session.scalars(mine).all() if target.include_offline else agents.online(now, organization_id)
    )
    if target.kind == TAGS:
        return agents.tagged(everyone, target.names, target.match)
    if target.kind == USER:
        return [agent for agent in everyone if agent.user == target.names[0]]
    return list(everyone)


def capable(task_type: str, data: dict[str, object], found: Sequence[Agent]) -> tuple[list[Agent], list[str]]:
    """Those that can run it, and for each other one why not."""
    fits, reasons = [], []
    for agent in found:
        reason = kinds.of(task_type).suits(data, agent)
        if reason is None:
            fits.append(agent)
        else:
            reasons.append(reason)
    return fits, reasons
