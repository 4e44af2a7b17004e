"""Objects: assets with a natural key, and which task made or saw which."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped


class Object(OrgScoped, Base):
    __tablename__ = "object"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "type", "key"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    type: Mapped[str] = mapped_column(sa.String(32))
    key: Mapped[str] = mapped_column(sa.String(500))
    data: Mapped[dict[str, Any]]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class ObjectTask(OrgScoped, Base):
    """A task saw this object, through this plugin, starting from that input."""

    __tablename__ = "object_task"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "object_id"),
        sa.ForeignKeyConstraint(
            ["organization_id", "object_id"], ["object.organization_id", "object.id"], ondelete="CASCADE"
        ),
        sa.Index("ix_object_task_object", "object_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id", ondelete="CASCADE"))
    object_id: Mapped[int] = mapped_column(sa.BigInteger)
    plugin_id: Mapped[str | None] = mapped_column(sa.String(64))
    input_key: Mapped[str] = mapped_column(sa.String(500), default="")
    created: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]


class ObjectSet(OrgScoped, Base):
    """Objects of one type: those that a query finds now, and those that somebody picked by their keys."""

    __tablename__ = "object_set"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index(
            "uq_object_set_name",
            "organization_id",
            "name",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    type: Mapped[str] = mapped_column(sa.String(32))
    query: Mapped[str] = mapped_column(sa.String(500), default="")
    picked: Mapped[list[str]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
