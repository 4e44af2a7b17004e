"""Calendars: dates on which things do not run, kept as plain rows with where they came from."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from webapp.calendars.days import NEXT_WORKING_DAY, SATURDAY, SKIP, SUNDAY
from webapp.db import Base, BigKey, OrgScoped


class Calendar(OrgScoped, Base):
    """`version` counts every change of what it closes: slots name the version that they were judged by."""

    __tablename__ = "calendar"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.Index(
            "uq_calendar_name",
            "organization_id",
            "name",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
        sa.Index(
            "ix_calendar_changed",
            "changed_at",
            sqlite_where=sa.text("changed_at IS NOT NULL"),
            postgresql_where=sa.text("changed_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    policy: Mapped[str] = mapped_column(sa.String(20), default=SKIP)
    weekend: Mapped[list[int]] = mapped_column(sa.JSON, default=lambda: [SATURDAY, SUNDAY])
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime | None]  # until the schedules that follow it have been told
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    @property
    def moves(self) -> bool:
        """A run of a day off is made up for on the next working day."""
        return self.policy == NEXT_WORKING_DAY


class CalendarDay(OrgScoped, Base):
    """One date that is off. `source` is "Own date", a file's name, or a country and the release that said so."""

    __tablename__ = "calendar_day"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"], ["calendar.organization_id", "calendar.id"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("calendar_id", "date"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    calendar_id: Mapped[int]
    date: Mapped[date]
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    source: Mapped[str] = mapped_column(sa.String(120))
