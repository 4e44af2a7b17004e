"""Telling agents that there is work, or that something must stop. Only a hint: polling finds it too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from webapp.agents import quiet, wake
from webapp.agents.wake import BEAT as BEAT
from webapp.agents.wake import CHANNEL as CHANNEL
from webapp.agents.wake import CLAIM
from webapp.db import db
from webapp.tasks.models import Task
from webapp.tasks.spec import ANYONE
from webapp.tasks.states import Status

HEARD_BY_NOW = timedelta(seconds=5)
SAID_FOR = timedelta(seconds=60)  # of a task that any agent may take: one that suits nobody must not keep all asking


class Queued(NamedTuple):
    """As much of a task as a ring has to know."""

    organization_id: int
    executor: str
    status: str
    agent_id: int | None


def agents_after_commit(tasks: Sequence[Task | Queued], word: str = CLAIM) -> None:
    """One message an organisation: the agents that were named, or all of them where any may take it."""
    by_organization: dict[int, set[int]] = {}
    for task in tasks:
        by_organization.setdefault(task.organization_id, set()).add(task.agent_id or 0)
    for organization_id, agents in by_organization.items():
        told = [] if 0 in agents else sorted(agents)
        if word == CLAIM:
            quiet.queued_after_commit(organization_id, told)
        wake.after_commit(organization_id, told, word)


def say_again(now: datetime) -> int:
    """What waits for agents that may not have heard of it, because the broker was away when it was queued."""
    waiting = sa.select(Task.organization_id, Task.agent_id).distinct().where(
        Task.status == Status.PENDING, Task.executor == "agent", Task.queued_at < now - HEARD_BY_NOW,
        sa.or_(Task.agent_id.is_not(None), sa.and_(Task.owner == ANYONE, Task.queued_at > now - SAID_FOR)))  # fmt: skip
    said: dict[int, set[int | None]] = {}
    for organization_id, agent_id in db.session.execute(waiting):
        said.setdefault(organization_id, set()).add(agent_id)
    for organization_id, agents in said.items():
        if None in agents:
            quiet.queued(organization_id, [])
        if named := [agent_id for agent_id in agents if agent_id is not None]:
            quiet.queued(organization_id, named)
    return len(said)
