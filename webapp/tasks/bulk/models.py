"""Operations on many tasks, and the bites in which they are done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped
from webapp.tasks.models import new_uuid


class Operation(OrgScoped, Base):
    """One verb on many tasks, done in bites; it goes on where it was when a process ends."""

    __tablename__ = "operation"
    __table_args__ = (sa.UniqueConstraint("organization_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=new_uuid)
    do: Mapped[str] = mapped_column(sa.String(16))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    query: Mapped[str | None] = mapped_column(sa.String(2000))
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    by_kind: Mapped[str] = mapped_column(sa.String(16))
    by_id: Mapped[int | None]
    by_name: Mapped[str] = mapped_column(sa.String(120))
    undoes_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operation.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def handled(self) -> int:
        return self.done + self.refused

    @property
    def ended(self) -> bool:
        return self.ended_at is not None


class Bite(OrgScoped, Base):
    """A part of an operation that is done in one transaction, and once."""

    __tablename__ = "operation_bite"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["organization_id", "operation_id"], ["operation.organization_id", "operation.id"], ondelete="CASCADE"
        ),
        sa.Index("ix_operation_bite", "operation_id", "id"),
        sa.Index(
            "ix_operation_bite_left",
            "id",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    operation_id: Mapped[int] = mapped_column(sa.BigInteger)
    tasks: Mapped[list[str]]
    refused: Mapped[list[Any]] = mapped_column(default=list)  # [[task, reason], …]
    done_at: Mapped[datetime | None]
