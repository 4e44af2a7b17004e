"""Chains of attempts: which failures are tried again, when, and how the next attempt comes to be."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.db import db
from webapp.events import Actor
from webapp.tasks import kinds, moves, states
from webapp.tasks.lists import search
from webapp.tasks.models import Task, new_uuid
from webapp.tasks.reasons import Reason
from webapp.tasks.states import Status, Trigger

LONGEST_DELAY = 900

# Trying these again cannot help, or must not happen without a person.
NEVER = frozenset({
    Reason.CHECKSUM_MISMATCH, Reason.SIZE_MISMATCH, Reason.SIGNATURE_INVALID, Reason.MANIFEST_EXPIRED,
    Reason.MANIFEST_REVOKED, Reason.VERSION_ROLLBACK, Reason.POLICY_REFUSED, Reason.NO_BUILD_FOR_PLATFORM,
    Reason.INVALID_INPUT, Reason.RUN_AS_FAILED, Reason.INTERNAL_ERROR,
})  # fmt: skip

COPIED = ("organization_id", "batch_id", "type", "what", "input", "data", "options", "plugin_id", "test_id", "tags",
          "executor", "owner", "target", "agent_id", "agent_name", "definition_id", "group_run_id", "schedule_id",
          "slot_id", "priority", "execution_timeout", "limit_name", "crowd")  # fmt: skip


def wanted(task: Task) -> bool:
    if (
        task.status != Status.FAILED
        or not task.latest
        or task.retry_number >= task.max_retries
        or task.cancel_requested_at
    ):
        return False
    chosen = task.options.get("retry_on") or kinds.of(task.type).RETRY_ON
    return task.reason in chosen if chosen else task.reason not in NEVER


def delay(task: Task) -> timedelta:
    base = int(task.options.get("retry_delay") or 30) * 2**task.retry_number
    return timedelta(seconds=min(base, LONGEST_DELAY) * random.uniform(0.8, 1.2))


def next_attempt(task: Task, by: Actor, now: datetime, due: datetime, max_retries: int) -> Task:
    number = db.session.scalar(sa.select(sa.func.max(Task.retry_number)).where(_same_chain(task)))
    later = due > now
    attempt = Task(
        **{name: getattr(task, name) for name in COPIED}, uuid=new_uuid(), trigger=Trigger.RETRY,
        original_task_id=task.root_id, retry_number=(number or 0) + 1, max_retries=max_retries, latest=True,
        created_at=now, updated_at=now, created_by_id=by.id, created_by=by.name, moves=1,
        status=Status.SCHEDULED if later else Status.PENDING, not_before=due if later else None,
        queued_at=None if later else now, expires_at=now + kinds.queue_life(task.options),
    )  # fmt: skip
    if attempt.owner == "anyone":
        attempt.agent_id, attempt.agent_name = None, ""
    db.session.add(attempt)
    db.session.flush()
    moves.update(task, now, latest=False)
    moves.note([attempt], None, by, now)
    search.add([search.facts(attempt)])
    moves.ring([attempt])
    return attempt


def others(task: Task) -> sa.Select[Task]:
    """The other attempts of its chain."""
    return sa.select(Task).where(_same_chain(task), Task.id != task.id)


def overtaken(task: Task) -> bool:
    """A newer attempt of the chain has started or ended: the older one's news is only evidence."""
    newer = others(task).where(Task.retry_number > task.retry_number, Task.status.not_in(states.WAITING))
    return db.session.scalar(newer.limit(1)) is not None


def _same_chain(task: Task) -> sa.ColumnElement[bool]:
    return sa.or_(Task.id == task.root_id, Task.original_task_id == task.root_id)
