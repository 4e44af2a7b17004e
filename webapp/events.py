"""Events: the only way upward. A verb records a row; loops and pages read it, nobody is called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.orm import Mapped, mapped_column

from webapp import queue
from webapp.bulk import insert
from webapp.db import Base, BigKey, OrgScoped, OrgSession, db


@dataclass(frozen=True)
class Actor:
    """Who did it: a person, a token, an agent, a worker or a loop. Kept by name, so that history outlives them."""

    kind: str
    name: str
    id: int | None = None

    def __str__(self) -> str:
        return self.name


SYSTEM = Actor("system", "Muster")


class Event(OrgScoped, Base):
    """What happened to a thing: from, to, when, who, why. `seq` counts without holes within a task."""

    __tablename__ = "event"
    __table_args__ = (
        sa.Index("ix_event_subject", "subject", "subject_id", "id"),
        sa.Index(
            "ix_event_unhandled",
            "id",
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        ),
        sa.Index("ix_event_organization", "organization_id", "id"),
        sa.Index(
            "uq_event_seq",
            "subject",
            "subject_id",
            "seq",
            unique=True,
            sqlite_where=sa.text("seq IS NOT NULL"),
            postgresql_where=sa.text("seq IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(48))
    subject: Mapped[str] = mapped_column(sa.String(24))
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)
    seq: Mapped[int | None]
    before: Mapped[str | None] = mapped_column(sa.String(24))
    after: Mapped[str | None] = mapped_column(sa.String(24))
    reason: Mapped[str | None] = mapped_column(sa.String(40))
    text: Mapped[str | None] = mapped_column(sa.Text)
    actor_kind: Mapped[str] = mapped_column(sa.String(16))
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(sa.String(120))
    data: Mapped[dict[str, Any] | None]
    handled_at: Mapped[datetime | None]


def record(
    organization_id: int, kind: str, subject: str, subject_id: int, by: Actor, now: datetime, **facts: Any
) -> None:
    record_all([row(organization_id, kind, subject, subject_id, by, now, **facts)])


def row(
    organization_id: int, kind: str, subject: str, subject_id: int, by: Actor, now: datetime, awaited: bool = False,
    **facts: Any,
) -> dict[str, Any]:  # fmt: skip
    """`awaited`: a loop reads it and says when it has; all others are history from the start."""
    return {
        "handled_at": None if awaited else now,
        "organization_id": organization_id,
        "kind": kind,
        "subject": subject,
        "subject_id": subject_id,
        "at": now,
        "actor_kind": by.kind,
        "actor_id": by.id,
        "actor": by.name[:120],
        "seq": None,
        "before": None,
        "after": None,
        "reason": None,
        "text": None,
        "data": None,
        **facts,
    }


def record_all(rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    if not rows:
        return
    insert(Event, rows)
    db.session().info.setdefault("touched", set()).update(r["organization_id"] for r in rows)


def touch(organization_id: int) -> None:
    """Something that pages show has changed without an event: progress, a counter."""
    db.session().info.setdefault("touched", set()).add(organization_id)


# Pages poll with a tag made of these counters; the caretaker corrects them from the newest event id.
def revision_key(organization_id: int) -> str:
    return f"muster:rev:{organization_id}"


@sa_event.listens_for(OrgSession, "after_commit")
def _announce(session: OrgSession) -> None:
    # Also fired when a savepoint is released: only the real commit may be announced.
    if session.in_nested_transaction():
        return
    for organization_id in session.info.pop("touched", ()):
        queue.incr(revision_key(organization_id))


@sa_event.listens_for(OrgSession, "after_rollback")
def _forget(session: OrgSession) -> None:
    if not session.in_nested_transaction():
        session.info.pop("touched", None)
