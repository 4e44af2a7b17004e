"""What the loops do about agents, one round each: carry heartbeats, notice silence, forget."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp import events
from webapp.agents import beats, facts, hearing
from webapp.agents.models import Agent, Heartbeat
from webapp.agents.states import REMOVED, STALE_FOR
from webapp.db import db
from webapp.events import SYSTEM

BITE = 500
SAMPLES_KEPT = timedelta(days=7)

carry_beats = beats.carry


def notice_offline(now: datetime) -> int:
    """One event a silence, however many loops look."""
    if not hearing.sure(now):
        return 0
    silent = sa.select(Agent).where(
        Agent.offline_since.is_(None), Agent.last_seen_at < now - STALE_FOR, Agent.deleted_at.is_(None),
        Agent.state.not_in(REMOVED),
    )  # fmt: skip
    return sum(_offline(agent, now) for agent in db.session.scalars(silent.limit(BITE)).all())


def forget_samples(now: datetime) -> int:
    gone = db.session.execute(sa.delete(Heartbeat).where(Heartbeat.at < now - SAMPLES_KEPT),
                              execution_options={"synchronize_session": False})  # fmt: skip
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _offline(agent: Agent, now: datetime) -> bool:
    first = sa.update(Agent).where(
        Agent.id == agent.id, Agent.offline_since.is_(None), Agent.last_seen_at == agent.last_seen_at)  # fmt: skip
    done = db.session.execute(
        first.values(offline_since=agent.last_seen_at), execution_options={"synchronize_session": False}
    )
    if done.rowcount:  # type: ignore[attr-defined]
        facts.changed(agent.id)
        text = f"Not heard since {agent.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
        events.record(agent.organization_id, "agent.went_offline", "agent", agent.id, SYSTEM, now, text=text)
    return bool(done.rowcount)  # type: ignore[attr-defined]
