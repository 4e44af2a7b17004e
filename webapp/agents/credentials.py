"""Agents' keys: `agt_<id>_<secret>`. Found by the id, compared by hash in constant time, void the moment somebody says so.

A new key is issued beside the one in use, because the answer that brings it may be lost or arrive twice. Its first
use makes it the only one; unused it ends after a day.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.agents.states import REMOVED
from webapp.db import db

PREFIX = "agt_"
LIFE = timedelta(days=30)
ROTATE_AT = LIFE * 2 / 3
UNUSED_LIFE = timedelta(hours=24)
MOST_ISSUED = 5


class Found(NamedTuple):
    agent: Agent
    fresh: str  # hash of a key that is used for the first time, else empty


def made(agent_id: int) -> str:
    return f"{PREFIX}{agent_id}_{secrets.token_urlsafe(32)}"


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def owner(text: str) -> int:
    """Which agent's key this says it is. ValueError where it has not the form of one."""
    number, _, secret = text.removeprefix(PREFIX).partition("_")
    if not text.startswith(PREFIX) or not number.isascii() or not number.isdecimal() or len(number) > 18 or not secret:
        raise ValueError("no key of an agent")
    return int(number)


def find(text: str, now: datetime) -> Found | None:
    """Whose key this is. In a system scope: nobody knows the organisation yet."""
    try:
        agent_id = owner(text)
    except ValueError:
        return None
    agent = db.session.scalar(sa.select(Agent).where(Agent.id == agent_id))
    given = hashed(text)
    if agent is None or agent.deleted_at is not None or agent.state in REMOVED:
        return None
    if agent.credential_hash and hmac.compare_digest(agent.credential_hash, given):
        return Found(agent, "")
    for known, _when in pending(agent, now):
        if hmac.compare_digest(known, given):
            return Found(agent, given)
    return None


def pending(agent: Agent, now: datetime) -> list[list[str]]:
    """Keys that were issued, are not used yet, and may still be."""
    return [[known, when] for known, when in agent.issued if now - datetime.fromisoformat(when) < UNUSED_LIFE]


def with_one_more(agent: Agent, text: str, now: datetime) -> list[list[str]]:
    return [*pending(agent, now), [hashed(text), now.astimezone(UTC).isoformat()]][-MOST_ISSUED:]


def due(agent: Agent, now: datetime) -> bool:
    """Whether the agent is to ask for a new key."""
    at = due_at(agent)
    return (at is not None and now >= at) or agent.rotate_asked_at is not None


def due_at(agent: Agent) -> datetime | None:
    return agent.credential_at + ROTATE_AT if agent.credential_at else None
