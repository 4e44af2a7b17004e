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

WRONG_SECONDS = 30  # as agents themselves judge their clocks
UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


class Agent(OrgScoped, Base):
    __tablename__ = "agent"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index("ix_agent_hostname", "organization_id", "hostname", "id"),
        sa.Index("ix_agent_install", "organization_id", "install_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=lambda: str(uuid4()))
    hostname: Mapped[str] = mapped_column(sa.String(255))
    os: Mapped[str] = mapped_column(sa.String(32), default="")
    arch: Mapped[str] = mapped_column(sa.String(32), default="")
    version: Mapped[str] = mapped_column(sa.String(32), default="")
    user: Mapped[str] = mapped_column(sa.String(120), default="")
    instance: Mapped[str] = mapped_column(sa.String(64), default="")
    note: Mapped[str] = mapped_column(sa.String(300), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    capabilities: Mapped[list[str]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    capacity: Mapped[int] = mapped_column(default=4)
    state: Mapped[str] = mapped_column("admin_state", sa.String(16), default=State.ACTIVE)
    state_reason: Mapped[str] = mapped_column(sa.String(300), default="")
    update_to: Mapped[str] = mapped_column(sa.String(32), default="")

    # Who it is: an install, its live process, and credentials of which only the hashes are kept. Those that were
    # issued and not used yet wait beside the one in use, because the answer that brought one may have been lost.
    install_id: Mapped[str] = mapped_column(sa.String(64), default="")
    instance_id: Mapped[str] = mapped_column(sa.String(64), default="")
    superseded: Mapped[list[Any]] = mapped_column(default=list)  # earlier processes, the last one first: copies.Before
    beat_seq: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    credential_hash: Mapped[str | None] = mapped_column(sa.String(64))
    credential_at: Mapped[datetime | None]
    issued: Mapped[list[Any]] = mapped_column(default=list)  # [hash, when]
    rotate_asked_at: Mapped[datetime | None]
    enrolled_at: Mapped[datetime]
    enrolled_with_id: Mapped[int | None]

    last_seen_at: Mapped[datetime | None] = mapped_column(index=True)
    offline_since: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(sa.String(64), default="")
    running: Mapped[int] = mapped_column(default=0)
    spooled: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    free_disk: Mapped[int | None] = mapped_column(sa.BigInteger)
    load: Mapped[float | None]
    skew_ms: Mapped[int | None] = mapped_column(sa.BigInteger)
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

    @property
    def removed(self) -> bool:
        return self.state in states.REMOVED or self.deleted_at is not None

    @property
    def unapproved(self) -> bool:
        return self.state == State.UNAPPROVED

    @property
    def pausable(self) -> bool:
        return State.PAUSED in states.MOVES[State(self.state)]

    @property
    def enableable(self) -> bool:
        return not self.unapproved and State.ACTIVE in states.MOVES[State(self.state)]

    @property
    def disableable(self) -> bool:
        return State.DISABLED in states.MOVES[State(self.state)]

    @property
    def revocable(self) -> bool:
        return State.REVOKED in states.MOVES[State(self.state)]

    @property
    def rotating(self) -> bool:
        return self.rotate_asked_at is not None or bool(self.issued)

    @property
    def clock_off(self) -> str:
        """In words, where it is enough to mislead somebody."""
        seconds = abs(self.skew_ms or 0) // 1000
        if seconds <= WRONG_SECONDS:
            return ""
        size, unit = next((size, unit) for size, unit in UNITS if seconds >= 2 * size)
        return f"{seconds // size:,} {unit} {'ahead' if (self.skew_ms or 0) > 0 else 'behind'}"

    @property
    def looks(self) -> states.Look:
        return states.STATE_LOOKS[State(self.state)]

    def silent_for(self, now: datetime) -> timedelta | None:
        return now - self.last_seen_at if self.last_seen_at else None

    def presence(self, now: datetime) -> states.Presence:
        return states.presence(self.last_seen_at, now)

    def presence_looks(self, now: datetime) -> states.Look:
        return states.PRESENCE_LOOKS[self.presence(now)]

    def online(self, now: datetime) -> bool:
        return self.active and self.presence(now) == states.Presence.ONLINE


class AgentTag(OrgScoped, Base):
    """The tags of `Agent.tags` as rows, so that lists can be filtered by them on both databases."""

    __tablename__ = "agent_tag"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"], ["agent.organization_id", "agent.id"], ondelete="CASCADE"
        ),
        sa.Index("ix_agent_tag", "organization_id", "tag", "agent_id"),
    )

    agent_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    tag: Mapped[str] = mapped_column(sa.String(64), primary_key=True)


class Heartbeat(OrgScoped, Base):
    """How a host was at a moment: one row in a quarter of an hour, for the chart on its page."""

    __tablename__ = "heartbeat"

    agent_id: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("agent.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(primary_key=True)
    load: Mapped[float | None]
    free_disk: Mapped[int | None] = mapped_column(sa.BigInteger)
    running: Mapped[int]
    spooled: Mapped[int]


class EnrolmentToken(OrgScoped, Base):
    """`enr_<key>_<secret>`: lets so many hosts in until it expires. Found by its key, kept as a hash."""

    __tablename__ = "enrolment_token"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(sa.String(8), unique=True)
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    note: Mapped[str] = mapped_column(sa.String(300), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    network: Mapped[str] = mapped_column(sa.String(64), default="")  # from where it may be used, such as 10.0.0.0/8
    approval: Mapped[bool] = mapped_column(default=False)  # who comes in with it waits until somebody approves
    max_uses: Mapped[int] = mapped_column(default=1)
    uses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    created_by_id: Mapped[int | None]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and self.uses < self.max_uses and self.expires_at > now

    def status(self, now: datetime) -> str:
        if self.revoked_at:
            return "revoked"
        if self.uses >= self.max_uses:
            return "used"
        return "active" if self.expires_at > now else "expired"
