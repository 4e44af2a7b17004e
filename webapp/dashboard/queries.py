"""What the dashboard shows: sums that are kept anyway, and short newest-first looks; nothing that grows with the years."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import load_only

from webapp.access.models import Membership, User
from webapp.agents.models import Agent
from webapp.agents.states import ONLINE_FOR, State
from webapp.db import db, system_scope
from webapp.processes import beats
from webapp.schedules import plans
from webapp.schedules.models import Schedule
from webapp.tasks import queries
from webapp.tasks.lists import indexed
from webapp.tasks.models import Ended, Task
from webapp.tasks.states import Status

HOURS = 24
DAYS = 7
SHOWN = 6
SHOWN_COLUMNS = (
    Task.uuid, Task.organization_id, Task.what, Task.input, Task.status, Task.reason, Task.error, Task.started_at,
    Task.ended_at, Task.not_before, Task.progress, Task.progress_text,
)  # fmt: skip
GOOD, BAD = Status.COMPLETED, (Status.FAILED, Status.EXPIRED, Status.TERMINATED)


@dataclass(frozen=True)
class Period:
    """One bar of the volume chart."""

    at: datetime
    good: int
    bad: int
    other: int

    @property
    def total(self) -> int:
        return self.good + self.bad + self.other


@dataclass(frozen=True)
class Capacity:
    workers: int
    slots: int
    busy: int
    waiting: int
    oldest: datetime | None
    agents: int
    online: int


def now_counts(organization_ids: Iterable[int]) -> dict[str, int]:
    return queries.counts(organization_ids)


def ended(organization_ids: Iterable[int], since: datetime) -> dict[tuple[datetime, str], int]:
    summed = (
        sa.select(Ended.hour, Ended.status, sa.func.sum(Ended.delta))
        .where(Ended.organization_id.in_(list(organization_ids)), Ended.hour >= since)
        .group_by(Ended.hour, Ended.status)
    )
    return {(hour, status): int(total) for hour, status, total in db.session.execute(summed)}


def by_hour(sums: dict[tuple[datetime, str], int], now: datetime) -> list[Period]:
    first = _hour(now) - timedelta(hours=HOURS - 1)
    return [_period(sums, first + timedelta(hours=n), timedelta(hours=1)) for n in range(HOURS)]


def by_day(sums: dict[tuple[datetime, str], int], now: datetime) -> list[Period]:
    """Runs of 24 hours up to now: the reader's midnight is not the server's."""
    first = _hour(now) + timedelta(hours=1) - timedelta(days=DAYS)
    return [_period(sums, first + timedelta(days=n), timedelta(days=1)) for n in range(DAYS)]


def _period(sums: dict[tuple[datetime, str], int], start: datetime, length: timedelta) -> Period:
    inside = [(status, total) for (hour, status), total in sums.items() if start <= hour < start + length]
    good = sum(total for status, total in inside if status == GOOD)
    bad = sum(total for status, total in inside if status in BAD)
    return Period(start, good, bad, sum(total for _, total in inside) - good - bad)


def success_rate(periods: Iterable[Period]) -> float | None:
    """Of those that ended well or badly; None when there were none."""
    periods = list(periods)
    good, bad = sum(p.good for p in periods), sum(p.bad for p in periods)
    return good / (good + bad) if good + bad else None


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def running(limit: int = SHOWN) -> list[Task]:
    found = sa.select(Task).options(load_only(*SHOWN_COLUMNS)).where(indexed.STARTED, Task.deleted_at.is_(None))
    return list(db.session.scalars(found.order_by(Task.started_at).limit(limit)))


@dataclass(frozen=True)
class Next:
    """What starts by itself: a task whose time comes, or a schedule's next run."""

    at: datetime
    id: str
    href: str
    name: str
    text: str


def due_next(schedules: Iterable[Schedule], limit: int = SHOWN) -> list[Next]:
    waiting = sa.select(Task).options(load_only(*SHOWN_COLUMNS)).where(Task.status == Status.SCHEDULED)
    tasks = db.session.scalars(waiting.order_by(Task.not_before, Task.id).limit(limit))
    found = [Next(t.not_before, f"n-{t.uuid}", f"/tasks/{t.uuid}", t.what, t.input) for t in tasks if t.not_before]
    found += [
        Next(s.next_run_at, f"n-{s.id}", f"/tasks/schedules/{s.id}", s.name, plans.told(s))
        for s in schedules
        if s.next_run_at
    ]
    return sorted(found, key=lambda each: (each.at, each.id))[:limit]


def capacity(counts: dict[str, int], now: datetime) -> Capacity:
    workers = beats.alive("worker", now)
    slots = sum(int(worker.facts.get("slots", 0)) for worker in workers)
    oldest = sa.select(Task.queued_at).where(Task.status == Status.PENDING).order_by(Task.queued_at).limit(1)
    mine = sa.select(sa.func.count()).select_from(Agent).where(Agent.state == State.ACTIVE, Agent.deleted_at.is_(None))
    return Capacity(
        workers=len(workers),
        slots=slots,
        busy=min(_on_workers(), slots),
        waiting=counts.get(Status.PENDING, 0),
        oldest=db.session.scalar(oldest) if counts.get(Status.PENDING) else None,
        agents=db.session.scalar(mine) or 0,
        online=db.session.scalar(mine.where(Agent.last_seen_at > now - ONLINE_FOR)) or 0,
    )


def _on_workers() -> int:
    """Of all organisations, which share the workers. Their beats know it, too, but are some seconds old."""
    taken = sa.select(sa.func.count()).select_from(Task).where(indexed.LEASED, Task.executor == "worker")
    with system_scope("capacity"):
        return db.session.scalar(taken) or 0


def done_by(user_id: int | None) -> set[str]:
    """The steps of the first-run list that really happened, in this organisation or by this person."""
    if user_id is None:
        return set()
    mine = Task.created_by_id == user_id
    somebodys = sa.select(Schedule.id).where(Schedule.created_by_id.is_not(None))  # not the samples
    asked = {
        "seen": Task.status == GOOD,
        "own": sa.and_(mine, Task.trigger.in_(("manual", "adhoc", "api"))),
        "retried": sa.and_(mine, Task.trigger.in_(("retry", "reschedule"))),
        "scheduled": Task.schedule_id.in_(somebodys),
    }
    found = {
        step for step, condition in asked.items() if db.session.scalar(sa.select(Task.id).where(condition).limit(1))
    }
    if db.session.scalar(sa.select(Agent.id).offset(1).limit(1)):
        found.add("agent")  # the first one is the server's own
    if db.session.scalar(sa.select(User.id).where(User.id == user_id, User.password_changed_at > User.created_at)):
        found.add("account")
    if db.session.scalar(sa.select(Membership.id).where(Membership.user_id != user_id).limit(1)):
        found.add("colleague")
    return found
