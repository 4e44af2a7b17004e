"""What a schedule has under way, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.db import db
from webapp.events import Actor
from webapp.refusal import Refused
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.states import End
from webapp.tasks import lifecycle, states
from webapp.tasks.models import Task

BITE = 500


@dataclass
class UnderWay:
    """Runs that are not over: `batches` have tasks, of which `unstarted` have only queued ones; `waiting` are slots."""

    batches: int = 0
    unstarted: int = 0
    waiting: int = 0

    @property
    def any(self) -> bool:
        return bool(self.batches or self.waiting)


def under_way(schedule: Schedule, agent: Agent | None = None) -> UnderWay:
    """Of one agent alone, where each has its own time."""
    begun = sa.func.max(sa.case((Task.status.in_(states.WAITING), 0), else_=1)).label("begun")
    tasks = sa.select(Task.batch_id, begun).where(*_open(schedule, states.OPEN, agent)).group_by(Task.batch_id)
    rows = db.session.execute(tasks).all()
    waiting = sa.select(sa.func.count()).select_from(Slot).where(*_waiting(schedule, agent))
    return UnderWay(len(rows), sum(not row.begun for row in rows), db.session.scalar(waiting) or 0)


def open_tasks(schedule: Schedule) -> dict[str, int]:
    """How many wait and how many run, for the question before a schedule is deleted."""
    counted = sa.select(Task.status, sa.func.count()).where(*_open(schedule, states.OPEN)).group_by(Task.status)
    found: dict[str, int] = {status: number for status, number in db.session.execute(counted).all()}  # noqa: C416
    queued = sum(number for status, number in found.items() if status in states.WAITING)
    return {"queued": queued, "running": sum(found.values()) - queued}


def cancel(
    schedule: Schedule,
    by: Actor,
    now: datetime,
    which: Iterable[states.Status] = states.OPEN,
    agent: Agent | None = None,
) -> int:
    """What waits is withdrawn, what runs is asked to stop."""
    conditions = (*_open(schedule, which, agent), Task.cancel_requested_at.is_(None))
    return _each(conditions, lambda task: lifecycle.cancel(task, by, now))


def expire(schedule: Schedule, by: Actor, now: datetime) -> int:
    """What has not started when the schedule ends; what this very moment started is left a chance."""
    conditions = (*_open(schedule, states.WAITING), Task.created_at < now)
    return _each(conditions, lambda task: lifecycle.expire(task, by, now, "Its schedule has ended"))


def drop_waiting(schedule: Schedule, reason: str, now: datetime, agent: Agent | None = None) -> None:
    """Slots that still waited for the run before."""
    db.session.execute(
        sa.update(Slot)
        .where(*_waiting(schedule, agent))
        .values(end=End.SKIPPED, reason=reason, look_at=None, settled_at=now),
        execution_options={"synchronize_session": False},
    )


Conditions = tuple[sa.ColumnElement[bool], ...]


def _open(schedule: Schedule, which: Iterable[states.Status], agent: Agent | None = None) -> Conditions:
    found: Conditions = (Task.schedule_id == schedule.id, Task.status.in_(list(which)))
    return (*found, Task.agent_id == agent.id) if agent else found


def _waiting(schedule: Schedule, agent: Agent | None) -> Conditions:
    """By the time at which they are looked at again: the index of those is as short as they are few."""
    found: Conditions = (Slot.schedule_id == schedule.id, Slot.end == End.WAITING, Slot.look_at.is_not(None))
    return (*found, Slot.agent == agent.uuid) if agent else found


def _each(conditions: Conditions, verb: Callable[[Task], object]) -> int:
    done, last = 0, 0
    rows = sa.select(Task).where(*conditions).order_by(Task.id).limit(BITE)
    while tasks := db.session.scalars(rows.where(Task.id > last)).all():
        for task in tasks:
            try:
                with db.session.begin_nested():
                    verb(task)
                done += 1
            except Refused:
                continue  # it has just ended by itself
        last = tasks[-1].id
    return done
