"""What waits for people until they have read it."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped
from webapp.news.kinds import LOOKS, Kind, Look


class News(OrgScoped, Base):
    """One thing that somebody should know of. What is told again of the same thing takes its place, unread."""

    __tablename__ = "news"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "kind", "subject_id"),
        sa.Index("ix_news_newest", "user_id", "at", "id"),
        sa.Index(
            "ix_news_unread",
            "user_id",
            "id",
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        ),
        sa.Index("ix_news_old", "at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(sa.String(16))
    subject_id: Mapped[int] = mapped_column(sa.BigInteger)  # of a note, a batch, an operation, a token
    text: Mapped[str] = mapped_column(sa.String(300))
    href: Mapped[str] = mapped_column(sa.String(200))
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]

    @property
    def looks(self) -> Look:
        return LOOKS[Kind(self.kind)]
