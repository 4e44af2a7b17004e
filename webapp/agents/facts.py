"""What is known of an agent, kept in the broker so that an idle one costs no look into the database.

One counter for each agent is raised after every commit that changes its row; what was kept under an older count is not
used, so there is no moment in which a reader can store what a change has just made untrue. Where the count was lost
with the broker's memory, so were the facts. Nothing is handed out on their word: they only say that there is no news.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from webapp import queue
from webapp.agents import credentials
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.db import db

LIFE = 600.0
COUNTED_FOR = 3600.0  # longer than anything that was kept under the count
QUIET = frozenset({State.UNAPPROVED, State.ACTIVE, State.PAUSED, State.DISABLED})


def key(agent_id: int) -> str:
    return f"muster:agent:{agent_id}"


def count_key(agent_id: int) -> str:
    return f"muster:agent:{agent_id}:count"


def changed(agent_id: int) -> None:
    """Said by every verb that changes an agent's row."""
    queue.after_commit(db.session, partial(queue.incr, count_key(agent_id), 1, COUNTED_FOR))


def forget(agent_ids: Iterable[int]) -> None:
    queue.delete(*map(key, agent_ids))


def keep(agent_id: int, now: datetime) -> None:
    """As the database has it now; nothing where the next beat is to bring news."""
    count = queue.get(count_key(agent_id)) or b"0"
    fresh = sa.select(Agent).where(Agent.id == agent_id).execution_options(populate_existing=True)
    agent = db.session.scalar(fresh)
    if agent is not None and (life := _life(agent, now)) > 0:
        queue.put(key(agent_id), b"\n".join([count, *_lines(agent)]), life)


def self_description(
    instance_id: str, version: str, capacity: int, capabilities: list[str], facts: dict[str, Any]
) -> str:
    """In one line. An agent that says another of itself has news."""
    return json.dumps([instance_id, version, capacity, capabilities, sorted(facts.items())])


def _lines(agent: Agent) -> Iterable[bytes]:
    """Under the count: whose key it is, what the agent said of itself, and what a program may ask."""
    described = self_description(agent.instance_id, agent.version, agent.capacity, agent.capabilities, agent.facts)
    told = json.dumps({"organization_id": agent.organization_id, "state": agent.state})
    return (str(line).encode() for line in (agent.credential_hash, described, told))


def _life(agent: Agent, now: datetime) -> float:
    news = agent.update_to or agent.rotate_asked_at or agent.offline_since or agent.deleted_at
    if news or agent.state not in QUIET or not agent.credential_hash or agent.credential_at is None:
        return 0.0
    return min(LIFE, (agent.credential_at + credentials.ROTATE_AT - now).total_seconds())
