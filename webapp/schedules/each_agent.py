"""Schedules with a time of its own for each agent (`"per": "agent"`): who they are, and who is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from webapp.agents.models import Agent
from webapp.schedules import engine
from webapp.schedules.models import Schedule
from webapp.schedules.plan import Plan, Slot
from webapp.tasks import targets
from webapp.tasks.spec import AGENTS, Spec, parse


class Turn(NamedTuple):
    """One agent's slots that are due."""

    agent: Agent
    slots: list[Slot]
    absent: bool  # it is offline, and the target means only those that are there


def due(schedule: Schedule, plan: Plan, now: datetime) -> Iterator[Turn]:
    spec = parse(schedule.spec or {})
    only_present = spec.target.kind != AGENTS and not spec.target.include_offline
    for agent in _agents(spec, schedule.organization_id, now):
        found = engine.due(plan.for_agent(agent.uuid), max(schedule.last_slot_at, agent.enrolled_at), now)
        if found.slots:
            yield Turn(agent, found.slots, only_present and not agent.online(now))


def soonest(schedule: Schedule, plan: Plan, after: datetime, now: datetime) -> datetime | None:
    following = (engine.next_run(own, after) for own in plans_of(schedule, plan, now))
    return min((slot.at for slot in following if slot), default=None)


def ahead(schedule: Schedule, plan: Plan, after: datetime, now: datetime) -> Iterator[tuple[Agent, Plan, Slot]]:
    """All their slots one after the other, without end; what a day off takes from them is told once."""
    agents = _agents(parse(schedule.spec or {}), schedule.organization_id, now)
    own = (_walk(agent, plan.for_agent(agent.uuid), after) for agent in agents)
    off: set[date] = set()
    for turn in heapq.merge(*own, key=lambda turn: turn[2].at):
        day = turn[2].local.date()
        if not (turn[2].skipped and day in off):
            yield turn
        if turn[2].skipped:
            off.add(day)


def _walk(agent: Agent, own: Plan, after: datetime) -> Iterator[tuple[Agent, Plan, Slot]]:
    return ((agent, own, slot) for slot in engine.walk(own, after))


def plans_of(schedule: Schedule, plan: Plan, now: datetime) -> list[Plan]:
    """Its plan, once for each agent."""
    spec = parse(schedule.spec or {})
    return [plan.for_agent(agent.uuid) for agent in _agents(spec, schedule.organization_id, now)]


def _agents(spec: Spec, organization_id: int, now: datetime) -> list[Agent]:
    """All that the target means, whether they are online at the moment or not."""
    return targets.matching(replace(spec.target, include_offline=True), organization_id, now)
