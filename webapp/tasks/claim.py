"""Claims: how workers and agents take queued tasks, and how they keep what they took."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.db import db
from webapp.events import Actor
from webapp.tasks import kinds, moves, states
from webapp.tasks.lifecycle import DOWNLOAD_LIMIT, GRACE, LEASE, Lease
from webapp.tasks.models import Limit, Task
from webapp.tasks.spec import ANYONE
from webapp.tasks.states import Status

LIMITS = sa.select(Limit).order_by(Limit.id).with_for_update()
LOOKED_AT = 40  # unbound tasks that an agent looks through for one that it can run
# As the index's condition has it: a parameter would be planned each time.
PENDING: sa.ColumnElement[str] = sa.literal_column("'pending'")
REPEATED_FOR = timedelta(seconds=60)  # how long the same claim id means the same leases


@dataclass(frozen=True)
class Claimed:
    task: Task
    lease: Lease


def for_worker(name: str, most: int, now: datetime) -> list[Claimed]:
    """The next queued tasks for a worker, highest priority and longest waiting first."""
    full = _full_limits()
    ready = _for_workers() if not full else _ready("worker", full).where(Task.agent_id.is_(None))
    return _take(_locked(ready.limit(most)), name, Actor("worker", name), now, {})


def for_agent(agent: Agent, most: int, claim_id: str, now: datetime, token: str | None = None) -> list[Claimed]:
    """What is meant for this agent, then what anyone may do and it can.

    With a `token` made of the claim id, a claim whose answer was lost gets the same leases again.
    """
    if token and (repeated := _repeated(agent, claim_id, token, now)):
        return repeated
    full = _full_limits()
    own = _locked(_ready("agent", full).where(Task.agent_id == agent.id).limit(most))
    if len(own) < most:
        unbound = _locked(
            _ready("agent", full)
            .where(Task.agent_id.is_(None), Task.owner == ANYONE, Task.organization_id == agent.organization_id)
            .limit(LOOKED_AT)
        )
        able = [task for task in unbound if kinds.of(task.type).suits(task.data, agent) is None]
        own = [*own, *able[: most - len(own)]]
    own.sort(key=lambda task: (task.rank, task.queued_at, task.id))
    by = Actor("agent", agent.hostname, agent.id)
    taken = {"agent_id": agent.id, "agent_name": agent.hostname, "claim_id": claim_id}
    return _take(own, f"agent:{agent.uuid}", by, now, taken, token)


class Waiting(NamedTuple):
    """What a claim may find."""

    own: bool
    anyones: bool


def waiting_for(agent: Agent, claim_id: str) -> Waiting:
    """A look that locks nothing, since most find nothing."""
    ready = sa.select(Task.id).where(Task.status == Status.PENDING, Task.executor == "agent")
    mine = ready.where(Task.agent_id == agent.id)
    anyones = ready.where(Task.agent_id.is_(None), Task.owner == ANYONE, Task.organization_id == agent.organization_id)
    answered = sa.select(Task.id).where(Task.claim_id == claim_id, Task.agent_id == agent.id)
    return Waiting(_any(mine) or _any(answered), _any(anyones))


def _any(look: sa.Select[int]) -> bool:
    return db.session.scalar(look.limit(1)) is not None


def renew(leases: Iterable[tuple[str, Lease]], now: datetime) -> set[str]:
    """Prolong these leases (task UUID, lease); answers with the tasks whose lease is void."""
    wanted = dict(leases)
    lost = set(wanted)
    by_hash: dict[str, list[str]] = {}
    for uuid, lease in wanted.items():
        by_hash.setdefault(moves.hashed(lease.token), []).append(uuid)
    for token_hash, uuids in by_hash.items():
        kept = db.session.execute(
            sa.update(Task)
            .where(Task.uuid.in_(uuids), Task.token_hash == token_hash, Task.status.in_(states.LEASED))
            .values(lease_until=now + LEASE, unreachable_at=None)
            .returning(Task.uuid, Task.lease_seq),
            execution_options={"synchronize_session": False},
        )
        lost -= {row.uuid for row in kept if row.lease_seq == wanted[row.uuid].seq}
    return lost


def stops(uuids: Iterable[str]) -> set[str]:
    """Those of these running tasks that somebody asked to stop."""
    asked = sa.select(Task.uuid).where(Task.uuid.in_(list(uuids)), Task.cancel_requested_at.is_not(None))
    return set(db.session.scalars(asked))


@cache
def _for_workers() -> sa.Select[Task]:
    """What nearly every claim of a worker asks."""
    return _ready("worker", []).where(Task.agent_id.is_(None))


def _ready(executor: str, full: Sequence[tuple[int, str]]) -> sa.Select[Task]:
    """The caller says which agent, or none: then they come in the order of `ix_task_claim`, without a sort."""
    ready = sa.select(Task).where(Task.status == PENDING, Task.executor == executor)
    if full:
        named = sa.tuple_(Task.organization_id, Task.limit_name)
        ready = ready.where(sa.or_(Task.limit_name.is_(None), named.not_in(full)))
    # PostgreSQL does not conclude from IS NULL that all are equal here, so it has to be told.
    return ready.order_by(Task.agent_id, Task.rank, Task.queued_at, Task.id)


def _locked(ready: sa.Select[Task]) -> list[Task]:
    # SQLite ignores FOR UPDATE: there the transaction itself began as the only writer.
    statement = ready.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return list(db.session.scalars(statement))


def _full_limits() -> list[tuple[int, str]]:
    """Limit rows are locked first, so that two claims cannot both take the last place."""
    limits = db.session.scalars(LIMITS).all()
    return [(limit.organization_id, limit.name) for limit in limits if _held(limit) >= limit.maximum]


def _held(limit: Limit) -> int:
    held = (
        sa.select(sa.func.count())
        .select_from(Task)
        .where(
            Task.organization_id == limit.organization_id, Task.limit_name == limit.name, Task.status.in_(states.LEASED)
        )
    )
    return db.session.scalar(held) or 0


def _within_limits(tasks: Sequence[Task]) -> list[Task]:
    """Several of one claim may carry the same limit: take only as many as it has places."""
    named = {task.limit_name for task in tasks if task.limit_name}
    if not named:
        return list(tasks)
    limits = db.session.scalars(sa.select(Limit).where(Limit.name.in_(named))).all()
    left = {(limit.organization_id, limit.name): limit.maximum - _held(limit) for limit in limits}
    kept = []
    for task in tasks:
        key = (task.organization_id, task.limit_name or "")
        if key in left:
            left[key] -= 1
            if left[key] < 0:
                continue
        kept.append(task)
    return kept


def _repeated(agent: Agent, claim_id: str, token: str, now: datetime) -> list[Claimed]:
    """The leases that the first answer to this claim held, as far as they are still to be started."""
    same = sa.select(Task).where(
        Task.claim_id == claim_id, Task.agent_id == agent.id, Task.token_hash == moves.hashed(token),
        Task.status.in_(states.UNSTARTED), Task.assigned_at > now - REPEATED_FOR)  # fmt: skip
    return [Claimed(task, Lease(task.lease_seq, token)) for task in db.session.scalars(same.order_by(Task.id))]


def _take(tasks: list[Task], claimed_by: str, by: Actor, now: datetime, values: dict[str, Any],
          token: str | None = None) -> list[Claimed]:  # fmt: skip
    tasks = _within_limits(tasks)
    if not tasks:
        return []
    token = token or secrets.token_urlsafe(16)
    longest = max(task.execution_timeout for task in tasks)
    changes = values | {
        "status": Status.ASSIGNED, "token_hash": moves.hashed(token), "claimed_by": claimed_by, "assigned_at": now,
        "lease_until": now + LEASE, "unreachable_at": None, "updated_at": now,
        "deadline": now + DOWNLOAD_LIMIT + timedelta(seconds=longest) + GRACE,
    }  # fmt: skip
    # One token for the whole claim: its holder is one executor, and each row still has its own sequence.
    taken = db.session.execute(
        _taking(tuple(changes)), {"ids": [task.id for task in tasks]} | {f"new_{n}": v for n, v in changes.items()},
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    won = {row.id for row in taken}
    claimed = [task for task in tasks if task.id in won]
    for task in claimed:
        moves.became(
            task, changes, lease_seq=task.lease_seq + 1, delivery_count=task.delivery_count + 1, moves=task.moves + 1
        )
    moves.note(claimed, Status.PENDING, by, now)
    return [Claimed(task, Lease(task.lease_seq, token)) for task in claimed]


@cache
def _taking(names: tuple[str, ...]) -> sa.UpdateBase:
    columns = Task.__table__.c
    return (
        sa.update(Task)
        .where(Task.id.in_(sa.bindparam("ids", expanding=True)), Task.status == Status.PENDING)
        .values(lease_seq=Task.lease_seq + 1, delivery_count=Task.delivery_count + 1, moves=Task.moves + 1)
        .values({name: sa.bindparam(f"new_{name}", type_=columns[name].type) for name in names})
        .returning(Task.id)
    )
