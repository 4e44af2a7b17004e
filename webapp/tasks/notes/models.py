"""Notes, what they said before, and whom they name."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, BigKey, OrgScoped


class Note(OrgScoped, Base):
    __tablename__ = "note"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["organization_id", "task_id"], ["task.organization_id", "task.id"], ondelete="CASCADE"
        ),
        sa.Index("ix_note_task", "task_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    task_id: Mapped[int] = mapped_column(sa.BigInteger)
    author_id: Mapped[int | None]
    author: Mapped[str] = mapped_column(sa.String(120))
    text: Mapped[str] = mapped_column(sa.Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class NoteRevision(OrgScoped, Base):
    """What a note said before an edit."""

    __tablename__ = "note_revision"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("note.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    text: Mapped[str] = mapped_column(sa.Text)
    author: Mapped[str] = mapped_column(sa.String(120))
    at: Mapped[datetime]


class Mention(OrgScoped, Base):
    """A note names a person with `@`. Whether they have read it is told by their news."""

    __tablename__ = "note_mention"
    __table_args__ = (
        sa.UniqueConstraint("note_id", "user_id"),
        sa.Index("ix_note_mention_user", "user_id", "task_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("note.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(sa.BigInteger)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    username: Mapped[str] = mapped_column(sa.String(64))  # as the note has it
