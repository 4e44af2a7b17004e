"""Schedules and their slots: what is stored, and what a row says of itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.calendars.models import Calendar
from webapp.db import Base, BigKey, OrgScoped
from webapp.objects.models import ObjectSet
from webapp.schedules import policies, states
from webapp.schedules.states import ENDS, LOOKS, REASONS, End, Status
from webapp.tasks.states import Look


class Schedule(OrgScoped, Base):
    """When something runs. What it runs is its own spec, or a definition or a group that it points at."""

    __tablename__ = "schedule"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.ForeignKeyConstraint(["organization_id", "calendar_id"], ["calendar.organization_id", "calendar.id"]),
        sa.ForeignKeyConstraint(["organization_id", "object_set_id"], ["object_set.organization_id", "object_set.id"]),
        # All that an idle scheduler looks at.
        sa.Index(
            "ix_schedule_due",
            "due_at",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        ),
        sa.Index("ix_schedule_next", "organization_id", "next_run_at"),
        sa.Index("ix_schedule_list", "organization_id", "deleted_at", "name", "id"),
        sa.Index("ix_schedule_status", "organization_id", "deleted_at", "status"),
        sa.Index("ix_schedule_owner", "organization_id", "deleted_at", "created_by"),
        *(
            sa.Index(
                f"ix_schedule_{name}",
                f"{name}_id",
                sqlite_where=sa.text(f"{name}_id IS NOT NULL"),
                postgresql_where=sa.text(f"{name}_id IS NOT NULL"),
            )
            for name in ("calendar", "object_set", "plugin")
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))

    # What runs; the words are kept beside it, so that a list reads no spec.
    spec: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    definition_id: Mapped[int | None]
    group_id: Mapped[int | None]
    type: Mapped[str] = mapped_column(sa.String(24))
    what: Mapped[str] = mapped_column(sa.String(200))
    scope: Mapped[str] = mapped_column(sa.String(200), default="")  # on whom, in words; see `on`
    plugin_id: Mapped[str | None] = mapped_column(sa.String(64))
    object_set_id: Mapped[int | None]

    # When.
    rule: Mapped[dict[str, Any]]
    timezone: Mapped[str] = mapped_column(sa.String(64))
    calendar_id: Mapped[int | None]
    calendar_version: Mapped[int | None]  # that the times below were computed with
    misfire: Mapped[str] = mapped_column(sa.String(8), default=policies.ONCE)
    overlap: Mapped[str] = mapped_column(sa.String(8), default=policies.SKIP)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    seed: Mapped[str] = mapped_column(sa.String(32))  # chance of its own, known before it is saved
    text: Mapped[str] = mapped_column(sa.String(500), default="")  # the rule in words

    # Where it stands.
    status: Mapped[str] = mapped_column(sa.String(12), default=Status.ACTIVE)
    reason: Mapped[str] = mapped_column(sa.String(500), default="")  # why it is paused or broken
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str] = mapped_column(sa.String(120), default="")
    resume_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]  # when the scheduler looks next: a slot, run or skipped, or an end of pause
    next_run_at: Mapped[datetime | None]
    last_slot_at: Mapped[datetime]  # what lies before is settled; never goes back
    last_run_at: Mapped[datetime | None]

    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(sa.String(120))
    deleted_at: Mapped[datetime | None]

    calendar: Mapped[Calendar | None] = relationship(
        viewonly=True, primaryjoin="foreign(Schedule.calendar_id) == Calendar.id"
    )
    object_set: Mapped[ObjectSet | None] = relationship(
        viewonly=True, primaryjoin="foreign(Schedule.object_set_id) == ObjectSet.id"
    )

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def looks(self) -> Look:
        return LOOKS[self.state]

    @property
    def active(self) -> bool:
        return self.status == Status.ACTIVE

    @property
    def paused(self) -> bool:
        return self.status == Status.PAUSED

    @property
    def broken(self) -> bool:
        return self.status == Status.ERROR

    @property
    def pausable(self) -> bool:
        return Status.PAUSED in states.MOVES[self.state]

    @property
    def resumable(self) -> bool:
        return self.paused or self.broken

    @property
    def on(self) -> str:
        """On whom it runs, in words: an object set by the name that it has now."""
        return f"{self.scope} {self.object_set.name}" if self.object_set else self.scope

    @property
    def kind(self) -> str:
        return str(self.rule.get("kind", ""))


class Slot(OrgScoped, Base):
    """One due moment and what became of it. Its key makes it happen once, however many schedulers run.

    A row with a count above 1 stands for all due moments from `at` to `until` that ended alike.
    """

    __tablename__ = "schedule_slot"
    __table_args__ = (
        sa.ForeignKeyConstraint(["organization_id", "schedule_id"], ["schedule.organization_id", "schedule.id"]),
        sa.UniqueConstraint("schedule_id", "at", "agent"),
        sa.Index(
            "ix_schedule_slot_look",
            "look_at",
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        ),
        sa.Index(
            "ix_schedule_slot_missed",
            "organization_id",
            "at",
            sqlite_where=sa.text("ended = 'missed'"),
            postgresql_where=sa.text("ended = 'missed'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    schedule_id: Mapped[int]
    at: Mapped[datetime]
    agent: Mapped[str] = mapped_column(sa.String(36), default="")
    end: Mapped[str] = mapped_column("ended", sa.String(8))
    reason: Mapped[str | None] = mapped_column(sa.String(16))
    text: Mapped[str] = mapped_column(sa.String(500), default="")  # which holiday, what refused it, who did it
    note: Mapped[str | None] = mapped_column(sa.String(8))  # gap, repeated, holiday
    moved_from: Mapped[date | None]
    count: Mapped[int] = mapped_column(default=1)
    until: Mapped[datetime | None]
    batch_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    waiting: Mapped[list[str] | None] = mapped_column(sa.JSON(none_as_null=True))  # targets still to be started
    look_at: Mapped[datetime | None]  # when the scheduler comes back to it
    version: Mapped[int]
    calendar_version: Mapped[int | None]
    settled_at: Mapped[datetime]

    @property
    def looks(self) -> Look:
        return ENDS[End(self.end)]

    @property
    def why(self) -> str:
        waits = self.end == End.WAITING and self.look_at is not None
        return "The run before still goes on" if waits else REASONS.get(self.reason or "", "")

    @property
    def missed(self) -> bool:
        return self.end == End.MISSED

    @property
    def startable(self) -> bool:
        """A missed run can be made up for, once."""
        return self.missed and self.batch_id is None

    @property
    def by_hand(self) -> bool:
        return self.reason == states.RUN_NOW
