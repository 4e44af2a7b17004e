"""The one way to move a task: one guarded UPDATE, and in the same transaction its event and its counts.

Zero rows mean that somebody else was first, or that the lease is void: `Refused`, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from webapp import events, queue
from webapp.bulk import change
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks import counts, states, wake
from webapp.tasks.models import Task
from webapp.tasks.states import Status

NOTHING: Mapping[str, Any] = {}
TOLD = (Status.FAILED, Status.EXPIRED)  # to whoever started it: failures.py reads their events


@dataclass(frozen=True)
class Lease:
    """The licence of a worker or agent to write to a row: valid while the row says the same."""

    seq: int
    token: str

    @property
    def guard(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (Task.lease_seq == self.seq, Task.token_hash == hashed(self.token))

    @property
    def held(self) -> dict[str, Any]:
        return {"lease_seq": self.seq, "token_hash": hashed(self.token)}


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def move(
    task: Task,
    to: Status,
    by: Actor,
    now: datetime,
    *guards: sa.ColumnElement[bool],
    lease: Lease | None = None,
    event: dict[str, Any] | None = None,
    **values: Any,
) -> None:
    """Only the verbs of `lifecycle` call it: they know what else is true of a task in that state."""
    before = task.state
    if to not in states.MOVES[before] or (before in states.FINAL and not values.get("late")):
        raise Refused(
            "illegal",
            _(
                "This task is %(label)s and cannot become %(label2)s",
                label=_(task.looks.label),
                label2=_(states.LOOKS[to].label),
            ),
        )
    was = {"status": before} | (lease.held if lease else {})
    update(task, now, *guards, was=was, status=to, moves=task.moves + 1, **values)
    facts = {"reason": values.get("reason"), "text": values.get("error")} | (event or {})
    note([task], before, by, now, **facts)


def update(
    task: Task, now: datetime, *guards: sa.ColumnElement[bool], was: Mapping[str, Any] = NOTHING, **values: Any
) -> None:
    """`was` are columns that must still be so; `guards` say what else must be true."""
    values["updated_at"] = now
    counted, status = task.counted, task.status
    statement = _update(tuple(was), tuple(values))
    given = {f"was_{name}": value for name, value in was.items()} | {f"new_{n}": value for n, value in values.items()}
    if change(statement.where(*guards) if guards else statement, {"was_id": task.id} | given) == 0:
        db.session.expire(task)
        raise Refused("stale", _("This task has changed meanwhile. It is now %(label)s", label=_(task.looks.label)))
    became(task, values)
    if counted != task.counted:
        _say(counted=[counts.move(task, status, None) if counted else counts.move(task, None, task.status)])


@lru_cache(maxsize=256)
def _update(was: tuple[str, ...], names: tuple[str, ...]) -> sa.Update:
    """Made once for each verb: that takes longer than to run it."""
    columns = Task.__table__.c
    same = [columns[name] == sa.bindparam(f"was_{name}") for name in ("id", *was)]
    return (
        sa.update(Task)
        .where(*same)
        .values({name: sa.bindparam(f"new_{name}", type_=columns[name].type) for name in names})
    )


def became(task: Task, values: Mapping[str, Any], **more: Any) -> None:
    """The loaded row follows what an UPDATE has just made of the stored one."""
    for name, value in {**values, **more}.items():
        set_committed_value(task, name, value)


def note(tasks: Sequence[Task], before: Status | None, by: Actor, now: datetime, **facts: Any) -> None:
    """The event and the counts of a move that these tasks made together."""
    kind = "task.moved" if before else "task.created"
    _say(
        [
            events.row(
                task.organization_id, kind, "task", task.id, by, now,
                seq=task.moves, before=before, after=task.status, awaited=task.status in TOLD, **facts,
            )
            for task in tasks
        ],
        [counts.move(task, before, task.status) for task in tasks if task.counted],
        counts.ends(tasks, before, now),
    )  # fmt: skip


def made(rows: Sequence[Mapping[str, Any]], made_by: Iterable[Actor], now: datetime) -> None:
    """The same of new rows, and their ring. They are not loaded, for they may be thousands."""
    _say(
        [
            events.row(
                row["organization_id"],
                "task.created",
                "task",
                row["id"],
                by,
                now,
                seq=row["moves"],
                after=row["status"],
            )
            for row, by in zip(rows, made_by, strict=True)
        ],
        [
            counts.Move(row["organization_id"], row["batch_id"] if row["crowd"] else None, None, row["status"])
            for row in rows
        ],
    )
    ring(wake.Queued(row["organization_id"], row["executor"], row["status"], row["agent_id"]) for row in rows)


@dataclass
class _Said:
    events: list[dict[str, Any]] = field(default_factory=list)
    counted: list[counts.Move] = field(default_factory=list)
    ended: list[counts.End] = field(default_factory=list)

    def write(self) -> None:
        events.record_all(self.events)
        counts.count(self.counted)
        counts.count_ends(self.ended)


@contextmanager
def together() -> Iterator[None]:
    """What all moves within say of themselves is written at the end, in one statement each."""
    info = db.session().info
    said = info["said"] = _Said()
    try:
        yield
    finally:
        del info["said"]
    said.write()


def _say(
    told: Iterable[dict[str, Any]] = (), counted: Iterable[counts.Move] = (), ended: Iterable[counts.End] = ()
) -> None:
    said: _Said | None = db.session().info.get("said")
    kept = said or _Said()
    kept.events += told
    kept.counted += counted
    kept.ended += ended
    if said is None:
        kept.write()


def ring(tasks: Iterable[Task | wake.Queued]) -> None:
    """After the commit: tell workers, and the agents that may take one of these."""
    ready = [task for task in tasks if task.status == Status.PENDING]
    if any(task.executor == "worker" for task in ready):
        queue.ring_after_commit(db.session)
    wake.agents_after_commit([task for task in ready if task.executor == "agent"])
