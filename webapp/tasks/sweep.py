"""What the loops do to tasks, one round each: release what is due, expire, notice the lost, fold the counters.

Every function takes `now`, handles at most BITE rows, and answers how many it changed; the row's own guard
decides when two loops meet.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webapp import events, queue
from webapp.agents import hearing
from webapp.agents.models import Agent
from webapp.agents.states import REMOVED, SILENCED
from webapp.bulk import insert
from webapp.db import db
from webapp.events import SYSTEM
from webapp.tasks import launch, lifecycle
from webapp.tasks.lifecycle import Refused
from webapp.tasks.lists.indexed import LEASED, STARTED, UNSTARTED, WAITING
from webapp.tasks.models import BatchCount, Count, Ended, Task
from webapp.tasks.spec import ANYONE
from webapp.tasks.states import Status

BITE = 500
UNCONFIRMED = timedelta(seconds=120)
AGENT_OFFLINE = timedelta(seconds=120)  # beyond the lease of 60 s: 180 s of silence in all
RING_AGAIN = timedelta(seconds=30)


def release_due(now: datetime) -> int:
    due = sa.select(Task).where(Task.status == Status.SCHEDULED, Task.not_before <= now).order_by(Task.not_before)
    return _each(due, lambda task: lifecycle.release(task, SYSTEM, now))


def expire_unclaimed(now: datetime) -> int:
    old = sa.select(Task).where(WAITING, Task.expires_at < now)
    return _each(old, lambda task: lifecycle.expire(task, SYSTEM, now))


def time_out(now: datetime) -> int:
    """Past its deadline, though its executor may be alive."""
    over = sa.select(Task).where(LEASED, Task.deadline < now)
    if not hearing.sure(now):  # an agent that could not report may have ended in time
        over = over.where(Task.executor != "agent")
    return _each(over, lambda task: lifecycle.time_out(task, SYSTEM, now))


def lose_workers(now: datetime) -> int:
    """A worker whose lease ran out is gone: it renews four times within one."""
    lost = sa.select(Task).where(Task.executor == "worker", LEASED, Task.lease_until < now)
    return _each(lost, lambda task: lifecycle.lose(task, SYSTEM, now))


def lose_agents(now: datetime) -> int:
    """What an agent had not started is handed on when the lease ends; what it had, after the grace."""
    if not hearing.sure(now):
        return 0
    agents = sa.select(Task).where(Task.executor == "agent")
    unstarted = agents.where(UNSTARTED, Task.lease_until < now)
    started = agents.where(STARTED, Task.lease_until < now - AGENT_OFFLINE)
    lost = _each(unstarted, lambda task: lifecycle.lose(task, SYSTEM, now))
    return lost + _each(started, lambda task: lifecycle.lose(task, SYSTEM, now))


def lose_removed_agents(now: datetime) -> int:
    """Whoever is revoked, gone or doubted holds nothing any more; what waits for one that is gone waits in vain."""
    silenced = sa.select(Agent.id).where(Agent.state.in_(SILENCED))
    gone = sa.select(Agent.id).where(Agent.state.in_(REMOVED))
    held = sa.select(Task).where(LEASED, Task.agent_id.in_(silenced))
    waiting = sa.select(Task).where(WAITING, Task.agent_id.in_(gone))
    lost = _each(held, lambda task: lifecycle.lose(task, SYSTEM, now))
    return lost + _each(waiting, lambda task: lifecycle.cancel(task, SYSTEM, now, "Its agent is gone"))


def flag_unreachable(now: datetime) -> int:
    """A flag, not a state: the agent's lease is over, but it may only be cut off."""
    silent = sa.update(Task).where(
        Task.executor == "agent", STARTED, Task.lease_until < now, Task.unreachable_at.is_(None)
    )
    done = db.session.execute(
        silent.values(unreachable_at=now, updated_at=now), execution_options={"synchronize_session": False}
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def give_up_stops(now: datetime) -> int:
    asked = sa.select(Task).where(STARTED, Task.cancel_requested_at < now - UNCONFIRMED)
    return _each(asked, lambda task: lifecycle.terminate_unconfirmed(task, SYSTEM, now))


def fan_out(now: datetime) -> int:
    """ALL, tag and user tasks that are due take the agents that match now."""
    waiting = sa.select(Task).where(
        Task.status == Status.PENDING, Task.executor == "agent", Task.agent_id.is_(None), Task.owner != ANYONE
    )
    return _each(waiting, lambda task: launch.fan_out(task, SYSTEM, now))


def ring_again(now: datetime, broker_lost_its_memory: bool = False) -> int:
    """Queued rows whose ring was lost, or came to nothing: the row is the queue, the ring only saves waiting."""
    silent = sa.or_(Task.rung_at.is_(None), Task.rung_at < now - RING_AGAIN)
    waiting = sa.select(Task.id).where(Task.status == Status.PENDING, Task.executor == "worker")
    ids = list(db.session.scalars(waiting.where(sa.true() if broker_lost_its_memory else silent).limit(BITE)))
    if ids:
        db.session.execute(
            sa.update(Task).where(Task.id.in_(ids)).values(rung_at=now),
            execution_options={"synchronize_session": False},
        )
        queue.ring_after_commit(db.session)
    return len(ids)


def fold_counts(now: datetime) -> int:
    of_hours, of_batches = ("organization_id", "hour", "status"), ("organization_id", "batch_id", "status")
    return _fold(Count, ("organization_id", "status")) + _fold(Ended, of_hours) + _fold(BatchCount, of_batches)


def _fold(model: type[Count] | type[Ended] | type[BatchCount], keys: tuple[str, ...], most: int = 5_000) -> int:
    """Add the newest deltas up into one row each; what was folded long ago stays. Only as many as were read are removed,
    so none is counted twice."""
    columns = [getattr(model, name) for name in keys]
    newest = sa.select(model.id, model.delta, *columns).order_by(model.id.desc()).limit(most)
    rows = db.session.execute(newest.with_for_update(skip_locked=True)).all()
    alike: dict[tuple[object, ...], list[Any]] = {}
    for row in rows:
        alike.setdefault(tuple(row[2:]), []).append(row)
    if len(rows) < 2 * len(alike) or not rows:
        return 0
    several = {key: some for key, some in alike.items() if len(some) > 1}
    gone = [row.id for some in several.values() for row in some]
    db.session.execute(sa.delete(model).where(model.id.in_(gone)), execution_options={"synchronize_session": False})
    sums = {key: sum(row.delta for row in some) for key, some in several.items()}
    insert(model, [dict(zip(keys, key, strict=True)) | {"delta": delta} for key, delta in sums.items() if delta])
    return len(gone)


def correct_revisions(seen: dict[int, int]) -> int:
    """Pages poll with counters in the broker; a commit whose increment was lost is made good here."""
    newest = db.session.execute(
        sa.select(events.Event.organization_id, sa.func.max(events.Event.id)).group_by(events.Event.organization_id)
    ).all()
    changed = [(organization, newest_id) for organization, newest_id in newest if seen.get(organization) != newest_id]
    for organization, newest_id in changed:
        if organization in seen:
            queue.incr(events.revision_key(organization))
        seen[organization] = newest_id
    return len(changed)


def _each(rows: sa.Select[Task], verb: Callable[[Task], object]) -> int:
    """Each in a savepoint of its own: one that somebody else has just moved does not stop the others."""
    done = 0
    for task in db.session.scalars(rows.limit(BITE).with_for_update(skip_locked=True)).all():
        try:
            with db.session.begin_nested():
                done += verb(task) != 0
        except Refused:
            continue
    return done


ROUND: tuple[Callable[[datetime], int], ...] = (
    release_due, fan_out, expire_unclaimed, time_out, lose_workers, lose_agents, lose_removed_agents, flag_unreachable,
    give_up_stops, ring_again,
)  # fmt: skip
