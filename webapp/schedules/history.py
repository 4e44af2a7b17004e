"""What one schedule did: its slots, those that were missed, and the agents that had a time of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import defer

from webapp.agents.models import Agent
from webapp.db import db
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.states import End


def past(schedule: Schedule, per: int, before: datetime | None = None) -> Sequence[Slot]:
    """Newest first, one more than asked for where there are more."""
    rows = sa.select(Slot).where(Slot.schedule_id == schedule.id).options(defer(Slot.waiting))
    if before:
        rows = rows.where(Slot.at < before)
    return db.session.scalars(rows.order_by(Slot.at.desc(), Slot.agent).limit(per + 1)).all()


def missed(schedule: Schedule, limit: int = 100) -> Sequence[Slot]:
    """Those that nobody has made up for."""
    rows = sa.select(Slot).where(Slot.schedule_id == schedule.id, Slot.end == End.MISSED, Slot.batch_id.is_(None))
    return db.session.scalars(rows.order_by(Slot.at.desc()).limit(limit)).all()


def agents_of(slots: Iterable[Slot]) -> dict[str, str]:
    """The names of those that had a time of their own."""
    ids = {slot.agent for slot in slots if slot.agent}
    rows = db.session.execute(sa.select(Agent.uuid, Agent.hostname).where(Agent.uuid.in_(ids)))
    return {row.uuid: row.hostname for row in rows}
