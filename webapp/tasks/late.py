"""What an executor tells after its lease was void: never thrown away, and believed where only a guess stands against it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from webapp.db import db
from webapp.events import Actor
from webapp.tasks import lifecycle, moves
from webapp.tasks.lifecycle import End, Lease
from webapp.tasks.models import LateResult, Task


def accept(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> bool:
    """Keeps the result as evidence. True if it is now the task's end: see `lifecycle.resolve_late`."""
    row = _kept(task, lease, now, end)
    if row.resolved or not _holds(task, lease):
        return row.resolved
    row.resolved = lifecycle.resolve_late(task, by, now, end)
    return row.resolved


def _holds(task: Task, lease: Lease) -> bool:
    """Only who held the row's last lease knows what became of it."""
    return task.lease_seq == lease.seq and task.token_hash == moves.hashed(lease.token)


def _kept(task: Task, lease: Lease, now: datetime, end: End) -> LateResult:
    body = asdict(end)
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    same = sa.select(LateResult).where(
        LateResult.task_id == task.id, LateResult.lease_seq == lease.seq, LateResult.body_sha256 == digest
    )
    row = db.session.scalar(same)
    if row is None:
        facts = {"task_id": task.id, "lease_seq": lease.seq, "body": body, "body_sha256": digest, "at": now}
        row = LateResult(organization_id=task.organization_id, resolved=False, **facts)
        db.session.add(row)
        db.session.flush()
    return row
