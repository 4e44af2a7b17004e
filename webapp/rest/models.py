"""What was answered to a request that named itself, so that its repetition gets the same answer and does nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey


class Answered(Base):
    """`status` is null while the first request is still at work. `fingerprint` tells another body under the same key."""

    __tablename__ = "rest_answer"
    __table_args__ = (sa.UniqueConstraint("asker", "key"), sa.Index("ix_rest_answer_age", "created_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    asker: Mapped[str] = mapped_column(sa.String(80))
    key: Mapped[str] = mapped_column(sa.String(200))
    fingerprint: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int | None]
    body: Mapped[str] = mapped_column(sa.Text, default="")
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
