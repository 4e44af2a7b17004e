"""One verb on many tasks, as something that can be looked at: how far it is, what it changed, what refused and why.

A few are done in the request that asks for it. More are done in bites by the caretaker, each in a transaction of
its own, so that nobody else waits long and nothing is done twice when a process ends in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp import events
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.language import _
from webapp.news import lifecycle as news
from webapp.news.kinds import Kind
from webapp.refusal import Refused
from webapp.tasks.bulk import verbs
from webapp.tasks.bulk.models import Bite, Operation

AT_ONCE = 50
SIZE = 200  # tasks of a bite: a longer transaction would keep everybody else from writing


def start(
    do: str, tasks: Sequence[str], organization_id: int, by: Actor, now: datetime, *, query: str | None = None,
    undoes: Operation | None = None, facts: dict[str, Any] | None = None,
) -> Operation:  # fmt: skip
    """Write down what is to be done; a small one is done already when this returns."""
    operation = Operation(
        organization_id=organization_id, do=do, facts=facts or {}, query=query, total=len(tasks), done=0, refused=0,
        by_kind=by.kind, by_id=by.id, by_name=by.name, undoes_id=undoes.id if undoes else None, created_at=now,
    )  # fmt: skip
    with writing_to(organization_id):
        db.session.add(operation)
        db.session.flush()
        parts = [list(tasks[at : at + SIZE]) for at in range(0, len(tasks), SIZE)]
        mine = {"organization_id": organization_id, "operation_id": operation.id, "refused": []}
        db.session.execute(sa.insert(Bite), [mine | {"tasks": part} for part in parts])
        events.record(organization_id, "operation.started", "operation", operation.id, by, now, text=do)
        if len(tasks) <= AT_ONCE:
            for bite in _left(operation):
                _take(bite, now)
    return operation


def undo(operation: Operation, by: Actor, now: datetime) -> Operation:
    """Bring back what it deleted."""
    if operation.do != "delete" or not operation.ended:
        raise Refused("not_undoable", _("Only a finished deletion can be undone"))
    stayed = {pair[0] for bite in bites(operation) for pair in bite.refused}
    deleted = [uuid for bite in bites(operation) for uuid in bite.tasks if uuid not in stayed]
    if not deleted:
        raise Refused("nothing", _("It deleted nothing, so there is nothing to bring back"))
    return start("restore", deleted, operation.organization_id, by, now, undoes=operation)


def advance(now: datetime) -> int:
    """The next bite of the oldest operation; how many tasks it had, 0 when nothing is left."""
    bite = db.session.scalar(
        sa.select(Bite).where(Bite.done_at.is_(None)).order_by(Bite.id).limit(1).with_for_update(skip_locked=True)
    )
    if bite is None:
        return 0
    _take(bite, now)
    return len(bite.tasks)


def bites(operation: Operation) -> Sequence[Bite]:
    return db.session.scalars(sa.select(Bite).where(Bite.operation_id == operation.id).order_by(Bite.id)).all()


def refusals(operation: Operation, limit: int) -> list[tuple[str, str]]:
    """Which tasks were not changed, and why."""
    with_some = (
        sa.select(Bite.refused).where(Bite.operation_id == operation.id, Bite.done_at.is_not(None)).order_by(Bite.id)
    )
    lists: Sequence[list[list[str]]] = db.session.scalars(with_some.limit(limit)).all()
    found = [(pair[0], pair[1]) for pairs in lists for pair in pairs]
    return found[:limit]


def _left(operation: Operation) -> Sequence[Bite]:
    mine = sa.select(Bite).where(Bite.operation_id == operation.id, Bite.done_at.is_(None))
    return db.session.scalars(mine.order_by(Bite.id)).all()


def _take(bite: Bite, now: datetime) -> None:
    """Its mark and what it does are one transaction: both are there, or neither."""
    taken = db.session.execute(
        sa.update(Bite).where(Bite.id == bite.id, Bite.done_at.is_(None)).values(done_at=now),
        execution_options={"synchronize_session": False},
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        return
    operation = db.session.get_one(Operation, bite.operation_id, populate_existing=True)
    by = Actor(operation.by_kind, operation.by_name, operation.by_id)
    answer = verbs.act(operation.do, bite.tasks, by, now, organization_id=operation.organization_id, **operation.facts)
    bite.refused = [list(pair) for pair in answer.refused]
    operation.done += len(answer.done)
    operation.refused += len(answer.refused)
    if operation.handled >= operation.total:
        operation.ended_at = now
        events.record(
            operation.organization_id, "operation.ended", "operation", operation.id, by, now, text=operation.do
        )
        _tell_refusals(operation, now)
    db.session.flush()
    events.touch(operation.organization_id)


def _tell_refusals(operation: Operation, now: datetime) -> None:
    """Whoever asked for it may have gone on long ago."""
    if not operation.refused or operation.by_kind != "user" or operation.by_id is None:
        return
    text = f"{operation.done} of {operation.total} {verbs.PAST[operation.do]}, {operation.refused} refused"
    news.tell([news.item(operation.organization_id, operation.by_id, Kind.BULK, operation.id, text,
                         f"/operations/{operation.uuid}", now)])  # fmt: skip
