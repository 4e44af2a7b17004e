"""Failures are told to whoever started what failed: once for each batch, however many of its tasks fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.events import Event
from webapp.news import lifecycle as news
from webapp.news.kinds import Kind
from webapp.tasks.lists import batches
from webapp.tasks.lists.lines import Line
from webapp.tasks.models import Batch, Task
from webapp.tasks.states import Status, Trigger

BITE = 500
BY_HAND = (Trigger.MANUAL, Trigger.ADHOC, Trigger.RESCHEDULE)
BAD = (Status.FAILED, Status.EXPIRED)

Owners = Callable[[Iterable[int]], dict[int, int]]


def tell(now: datetime, owners_of: Owners) -> int:
    """How many events were read. `owners_of`: whose the schedules with these ids are."""
    waiting = sa.select(Event.id, Event.subject, Event.subject_id).where(Event.handled_at.is_(None)).order_by(Event.id)
    found = db.session.execute(waiting.limit(BITE).with_for_update(skip_locked=True)).all()
    if not found:
        return 0
    failed = _still_failed([row.subject_id for row in found if row.subject == "task"])
    news.tell(_items(failed, owners_of({schedule for _, schedule in failed.values() if schedule}), now))
    read = sa.update(Event).where(Event.id.in_([row.id for row in found])).values(handled_at=now)
    db.session.execute(read, execution_options={"synchronize_session": False})
    return len(found)


def _still_failed(task_ids: list[int]) -> dict[int, tuple[Batch, int | None]]:
    """Batches by id, with the schedule that started each. What is tried again has not failed yet."""
    last = (Task.id.in_(task_ids), Task.latest, Task.status.in_(BAD), Task.deleted_at.is_(None))
    found = sa.select(Batch, Task.schedule_id).join(Task, Task.batch_id == Batch.id).where(*last)
    return {batch.id: (batch, schedule_id) for batch, schedule_id in db.session.execute(found)}


def _items(
    failed: dict[int, tuple[Batch, int | None]], owners: dict[int, int], now: datetime
) -> Iterator[dict[str, Any]]:
    for line in batches.lines([batch for batch, _ in failed.values()]):
        batch, schedule_id = failed[line.batch.id]
        by_hand = batch.created_by_id if batch.trigger in BY_HAND else None
        user_id = owners.get(schedule_id) if schedule_id else by_hand
        if user_id is not None:
            yield news.item(batch.organization_id, user_id, Kind.FAILURE, batch.id, _words(line), _href(line), now)


def _words(line: Line) -> str:
    if line.task:
        where = f" on {line.task.agent_name}" if line.task.agent_name else ""
        return f"{line.batch.what} failed{where}: {line.task.error or line.task.reason}"
    return f"{sum(line.of(BAD))} of {line.total} failed: {line.batch.what}"


def _href(line: Line) -> str:
    return f"/tasks/{line.task.uuid}" if line.task else f"/tasks/batches/{line.batch.uuid}"
