"""Reading agents: by name, by tag, online, and why one does not suit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.agents.states import ONLINE_FOR, State
from webapp.db import db


def active(organization_id: int) -> sa.Select[Agent]:
    return (
        sa.select(Agent)
        .where(Agent.organization_id == organization_id, Agent.state == State.ACTIVE, Agent.deleted_at.is_(None))
        .order_by(Agent.hostname, Agent.id)
    )


def online(now: datetime, organization_id: int) -> Sequence[Agent]:
    return db.session.scalars(active(organization_id).where(Agent.last_seen_at > now - ONLINE_FOR)).all()


def named(names: Sequence[str], organization_id: int) -> tuple[list[Agent], list[str]]:
    """The agents with these ids or hostnames, in the order asked, and the names that nobody has."""
    found: list[Agent] = []
    unknown: list[str] = []
    agents = db.session.scalars(
        active(organization_id).where(sa.or_(Agent.uuid.in_(names), Agent.hostname.in_(names)))
    ).all()
    for name in names:
        matches = [agent for agent in agents if name in (agent.uuid, agent.hostname)]
        found += [agent for agent in matches if agent not in found]
        if not matches:
            unknown.append(name)
    return found, unknown


def tagged(agents: Sequence[Agent], tags: Sequence[str], match: str) -> list[Agent]:
    test = all if match == "all" else any
    return [agent for agent in agents if test(tag in agent.tags for tag in tags)]
