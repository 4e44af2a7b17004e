"""Files: what tasks leave behind, and what people upload. The bytes lie in the store, under a name of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, BigKey, OrgScoped


class File(OrgScoped, Base):
    """`name` is only text: no path is ever made of it. `task_id` is the task that left it, if any."""

    __tablename__ = "file"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index("ix_file_task", "task_id", "id"),
        sa.Index("ix_file_newest", "organization_id", "id"),
        sa.UniqueConstraint("task_id", "name"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=lambda: str(uuid4()))
    name: Mapped[str] = mapped_column(sa.String(255))
    type: Mapped[str] = mapped_column(sa.String(64), default="")
    size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id", ondelete="SET NULL"))
    plugin_id: Mapped[str | None] = mapped_column(sa.String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120), default="")
    deleted_at: Mapped[datetime | None]

    task: Mapped[Any] = relationship(
        "Task", viewonly=True, uselist=False, lazy="raise", primaryjoin="foreign(File.task_id) == Task.id"
    )
