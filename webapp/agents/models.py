"""Hosts that run tasks: who they are, what they can do, and when they were last heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.agents import states
from webapp.agents.states import State
from webapp.db import Base, BigKey, OrgScoped


class Agent(OrgScoped, Base):
    __tablename__ = "agent"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index("ix_agent_hostname", "organization_id", "hostname"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=lambda: str(uuid4()))
    hostname: Mapped[str] = mapped_column(sa.String(255))
    os: Mapped[str] = mapped_column(sa.String(32), default="")
    arch: Mapped[str] = mapped_column(sa.String(32), default="")
    version: Mapped[str] = mapped_column(sa.String(32), default="")
    user: Mapped[str] = mapped_column(sa.String(120), default="")
    instance: Mapped[str] = mapped_column(sa.String(64), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    capabilities: Mapped[list[str]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    capacity: Mapped[int] = mapped_column(default=4)
    state: Mapped[str] = mapped_column("admin_state", sa.String(16), default=State.ACTIVE)
    state_reason: Mapped[str] = mapped_column(sa.String(300), default="")

    # Who it is: an install, its live process, and a credential of which only the hash is kept.
    install_id: Mapped[str] = mapped_column(sa.String(64), default="")
    instance_id: Mapped[str] = mapped_column(sa.String(64), default="")
    beat_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    credential_hash: Mapped[str | None] = mapped_column(sa.String(64))
    next_credential_hash: Mapped[str | None] = mapped_column(sa.String(64))
    credential_at: Mapped[datetime | None]
    next_credential_at: Mapped[datetime | None]
    enrolled_at: Mapped[datetime]
    enrolled_with_id: Mapped[int | None]

    last_seen_at: Mapped[datetime | None] = mapped_column(index=True)
    offline_since: Mapped[datetime | None]
    running: Mapped[int] = mapped_column(default=0)
    spooled: Mapped[int] = mapped_column(default=0)
    free_disk: Mapped[int | None] = mapped_column(sa.BigInteger)
    load: Mapped[float | None]
    skew_ms: Mapped[int | None]
    deleted_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        return self.hostname

    @property
    def platform(self) -> str:
        return f"{self.os}/{self.arch}" if self.os else "unknown"

    @property
    def active(self) -> bool:
        return self.state == State.ACTIVE and self.deleted_at is None

    def silent_for(self, now: datetime) -> timedelta | None:
        return now - self.last_seen_at if self.last_seen_at else None

    def presence(self, now: datetime) -> states.Presence:
        return states.presence(self.last_seen_at, now)

    def online(self, now: datetime) -> bool:
        return self.active and self.presence(now) == states.Presence.ONLINE
