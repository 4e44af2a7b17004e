"""Tasks, their batches, edges, limits and counters: what is stored, and what a row says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, BigKey, OrgScoped
from webapp.tasks.answers import Answers
from webapp.tasks.triggers import TRIGGERS as TRIGGERS


def new_uuid() -> str:
    return str(uuid4())


def partial(name: str, *columns: str, where: str) -> sa.Index:
    """An index of few rows, on either database."""
    return sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


class Batch(OrgScoped, Base):
    """All the tasks made by one act. `total` is null until a target that is resolved later has fanned out."""

    __tablename__ = "batch"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "key"),
        sa.Index("ix_batch_created", "organization_id", "created_at"),
        sa.Index("ix_batch_by_trigger", "organization_id", "trigger", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=new_uuid)
    key: Mapped[str | None] = mapped_column(sa.String(64))  # of the form that made it, so that it makes it once
    type: Mapped[str] = mapped_column(sa.String(24))
    what: Mapped[str] = mapped_column(sa.String(200))
    trigger: Mapped[str] = mapped_column(sa.String(16))
    spec: Mapped[dict[str, Any]]
    total: Mapped[int | None]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(sa.String(120))


class Task(Answers, OrgScoped, Base):
    """One run by one executor. Never re-run in place: a retry or reschedule is a new row."""

    __tablename__ = "task"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.UniqueConstraint("original_task_id", "retry_number", name="uq_task_chain"),
        sa.ForeignKeyConstraint(["organization_id", "batch_id"], ["batch.organization_id", "batch.id"]),
        sa.ForeignKeyConstraint(["organization_id", "agent_id"], ["agent.organization_id", "agent.id"]),
        # Lists are keyed by batch: each filter that can be rare reads an index that is already in that order.
        sa.Index("ix_task_batch", "batch_id", "deleted_at", "latest", "status"),
        sa.Index("ix_task_newest", "organization_id", "batch_id"),
        partial("ix_task_claim_id", "claim_id", where="claim_id IS NOT NULL"),
        # What is filtered beside the status stands behind the order, so that two large filters that exclude each other
        # are told apart within the index.
        sa.Index("ix_task_by_status", "organization_id", "status", "batch_id", "type", "plugin_id", "agent_id"),
        sa.Index("ix_task_by_type", "organization_id", "type", "batch_id"),
        sa.Index("ix_task_by_agent", "agent_id", "batch_id"),
        sa.Index("ix_task_by_plugin", "plugin_id", "batch_id"),
        sa.Index("ix_task_by_creator", "organization_id", "created_by", "batch_id"),
        sa.Index("ix_task_by_trigger", "organization_id", "trigger", "batch_id"),
        sa.Index("ix_task_created", "organization_id", "created_at"),
        *(
            partial(name, *columns, "batch_id", where=which)
            for name, columns, which in (
                ("ix_task_by_reason", ("organization_id", "reason"), "reason IS NOT NULL"),
                ("ix_task_by_outcome", ("organization_id", "outcome"), "outcome IS NOT NULL"),
                ("ix_task_by_definition", ("definition_id",), "definition_id IS NOT NULL"),
                ("ix_task_by_group_run", ("group_run_id",), "group_run_id IS NOT NULL"),
                ("ix_task_with_notes", ("organization_id",), "note_count > 0"),
                ("ix_task_with_tags", ("organization_id",), "tags <> '[]'"),
                ("ix_task_by_owner", ("organization_id", "owner"), "owner <> ''"),
                ("ix_task_by_limit", ("limit_name",), "limit_name IS NOT NULL"),
                ("ix_task_deleted", ("organization_id", "deleted_at"), "deleted_at IS NOT NULL"),
                ("ix_task_rescheduled", ("rescheduled_from_id",), "rescheduled_from_id IS NOT NULL"),
            )
        ),
        partial("ix_task_by_schedule", "schedule_id", "batch_id", where="schedule_id IS NOT NULL"),
        # What of a schedule is still open; which objects a plugin has covered.
        partial("ix_task_open_of_schedule", "schedule_id", "status", where="schedule_id IS NOT NULL"),
        partial("ix_task_input", "plugin_id", "input", where="plugin_id IS NOT NULL"),
        partial("ix_task_claim", "executor", "agent_id", "rank", "queued_at", "id", where="status = 'pending'"),
        partial("ix_task_due", "not_before", where="status = 'scheduled'"),
        partial(
            "ix_task_leased",
            "lease_until",
            where="status IN ('assigned', 'downloading', 'executing', 'reporting')",
        ),
        partial("ix_task_waiting", "expires_at", where="status IN ('blocked', 'scheduled', 'pending')"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, default=new_uuid)
    batch_id: Mapped[int] = mapped_column(sa.BigInteger)

    # What runs: a snapshot, so that history survives whatever it was made from.
    type: Mapped[str] = mapped_column(sa.String(24))
    what: Mapped[str] = mapped_column(sa.String(200))
    input: Mapped[str] = mapped_column(sa.String(300), default="")
    data: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    plugin_id: Mapped[str | None] = mapped_column(sa.String(64))
    test_id: Mapped[int | None]
    tags: Mapped[list[str]] = mapped_column(default=list)
    crowd: Mapped[bool] = mapped_column(default=False)  # one of so many that their batch keeps its counts

    # Where: a worker, one agent, or an owner that is resolved when it becomes due.
    executor: Mapped[str] = mapped_column(sa.String(8))
    owner: Mapped[str] = mapped_column(sa.String(8), default="")
    target: Mapped[dict[str, Any]] = mapped_column(default=dict)
    agent_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    agent_name: Mapped[str] = mapped_column(sa.String(255), default="")

    # Why and by whom.
    trigger: Mapped[str] = mapped_column(sa.String(16))
    created_by_id: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(sa.String(120))
    definition_id: Mapped[int | None]
    group_run_id: Mapped[int | None]
    schedule_id: Mapped[int | None]
    slot_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    original_task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"))
    rescheduled_from_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"))
    retry_number: Mapped[int] = mapped_column(default=0)
    max_retries: Mapped[int] = mapped_column(default=0)
    latest: Mapped[bool] = mapped_column(default=True)

    # When.
    status: Mapped[str] = mapped_column(sa.String(12))
    moves: Mapped[int] = mapped_column(default=0)
    priority: Mapped[int] = mapped_column(default=1)
    # Ascending like the other columns of the claim's index, so that it answers without sorting.
    rank: Mapped[int] = mapped_column(sa.Computed("10 - priority", persisted=True))
    created_at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    assigned_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    execution_timeout: Mapped[int] = mapped_column(default=300)
    pending_parents: Mapped[int] = mapped_column(default=0)
    limit_name: Mapped[str | None] = mapped_column(sa.String(64))

    # The lease: the only licence for a worker or agent to write to this row.
    lease_seq: Mapped[int] = mapped_column(default=0)
    token_hash: Mapped[str | None] = mapped_column(sa.String(64))
    lease_until: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(sa.String(120))
    claim_id: Mapped[str | None] = mapped_column(sa.String(64))
    delivery_count: Mapped[int] = mapped_column(default=0)
    rung_at: Mapped[datetime | None]
    unreachable_at: Mapped[datetime | None]

    # Stop requests and ends. Status, exit code, reason and outcome are four separate facts.
    cancel_requested_at: Mapped[datetime | None]
    cancel_requested_by: Mapped[str | None] = mapped_column(sa.String(120))
    exit_code: Mapped[int | None]
    signal: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(sa.String(12))
    reason: Mapped[str | None] = mapped_column(sa.String(24))
    error: Mapped[str | None] = mapped_column(sa.Text)
    traceback: Mapped[str | None] = mapped_column(sa.Text)
    result: Mapped[dict[str, Any] | None]
    report_sha256: Mapped[str | None] = mapped_column(sa.String(64))  # of the agent's last word that was taken
    outcome_known: Mapped[bool] = mapped_column(default=True)
    late: Mapped[bool] = mapped_column(default=False)
    progress: Mapped[int | None]
    progress_text: Mapped[str | None] = mapped_column(sa.String(200))
    stdout_size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    stderr_size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    dropped_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    note_count: Mapped[int] = mapped_column(default=0)
    file_count: Mapped[int] = mapped_column(default=0)
    object_count: Mapped[int] = mapped_column(default=0)
    deleted_at: Mapped[datetime | None]

    batch: Mapped[Batch] = relationship(viewonly=True, primaryjoin="foreign(Task.batch_id) == Batch.id")


class Edge(OrgScoped, Base):
    """Child waits for parent. Consumed once, so that two parents that end together release the child once."""

    __tablename__ = "task_edge"
    __table_args__ = (sa.UniqueConstraint("parent_id", "child_id"), sa.Index("ix_task_edge_child", "child_id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    parent_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id", ondelete="CASCADE"))
    child_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id", ondelete="CASCADE"))
    on: Mapped[str] = mapped_column("condition", sa.String(12), default="succeeded")
    consumed_at: Mapped[datetime | None]
    met: Mapped[bool | None]


class LateResult(OrgScoped, Base):
    """What an executor reported after its lease was void: kept as evidence, never thrown away."""

    __tablename__ = "late_result"
    __table_args__ = (sa.UniqueConstraint("task_id", "lease_seq", "body_sha256"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id", ondelete="CASCADE"))
    lease_seq: Mapped[int]
    body: Mapped[dict[str, Any]]
    body_sha256: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime]
    resolved: Mapped[bool] = mapped_column(default=False)


class Limit(OrgScoped, Base):
    """A named concurrency limit: at most `maximum` tasks that carry the name hold a lease at once."""

    __tablename__ = "task_limit"
    __table_args__ = (sa.UniqueConstraint("organization_id", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    maximum: Mapped[int] = mapped_column("max")


class Count(OrgScoped, Base):
    """How many tasks have a status, kept as deltas that the caretaker folds: no hot row, no COUNT(*)."""

    __tablename__ = "task_count"
    __table_args__ = (sa.Index("ix_task_count_sum", "organization_id", "status", "delta"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    status: Mapped[str] = mapped_column(sa.String(12))
    delta: Mapped[int]


class BatchCount(OrgScoped, Base):
    """The same within a large batch: lists tell of its tasks and must not count them each time."""

    __tablename__ = "batch_count"
    __table_args__ = (sa.Index("ix_batch_count_sum", "batch_id", "status", "delta"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("batch.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(sa.String(12))
    delta: Mapped[int]


class Ended(OrgScoped, Base):
    """How many tasks ended in each hour, by status: deltas like `Count`, for the charts of the dashboard."""

    __tablename__ = "task_ended"
    __table_args__ = (sa.Index("ix_task_ended_sum", "organization_id", "hour", "status", "delta"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    hour: Mapped[datetime]
    status: Mapped[str] = mapped_column(sa.String(12))
    delta: Mapped[int]
