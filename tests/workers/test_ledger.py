"""What many slots have to say goes into one transaction, and is as true as if each had said it alone."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.refusal import Refused
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Count, Task
from webapp.tasks.moves import Lease
from workers.ledger import Ledger


def starts(claimed: Claimed, lease: Lease, session: Session) -> str:
    task = session.merge(claimed.task, load=False)
    lifecycle.start(task, lease, made.WORKER, clock.now())
    return task.status


def ends(claimed: Claimed, session: Session) -> None:
    task = session.get_one(Task, claimed.task.id)
    lifecycle.finish(task, claimed.lease, made.WORKER, clock.now(), End(0))


@pytest.fixture
def waiting(app: Flask, session: Session, cast: Cast) -> list[Claimed]:
    made.tasks(cast.acme, ["a", "b", "c"])
    claimed = made.claimed(most=3)
    session.commit()
    return claimed


def test_what_waits_together_is_told_one_by_one(app: Flask, session: Session, waiting: list[Claimed]) -> None:
    ledger = Ledger(app, "test")
    told = [ledger.send(partial(starts, each, each.lease)) for each in waiting]
    told += [ledger.send(partial(ends, each)) for each in waiting]  # all of it before the ledger looks
    ledger.start()
    assert [each.result(30) for each in told] == ["executing"] * 3 + [None] * 3
    ledger.stop()
    session.expire_all()
    for each in waiting:
        assert made.moves(each.task)[1:] == [
            ("pending", "assigned"), ("assigned", "executing"), ("executing", "completed")
        ]  # fmt: skip
    assert counted(session) == {"completed": 3}


def test_who_is_refused_is_refused_alone(app: Flask, session: Session, waiting: list[Claimed]) -> None:
    first, second, third = waiting
    ledger = Ledger(app, "test")
    told = [
        ledger.send(partial(starts, first, first.lease)),
        ledger.send(partial(starts, second, Lease(second.lease.seq, "somebody else's"))),
        ledger.send(partial(starts, third, third.lease)),
    ]
    ledger.start()
    assert told[0].result(30) == told[2].result(30) == "executing"
    with pytest.raises(Refused):
        told[1].result(30)
    ledger.stop()
    session.expire_all()
    assert made.moves(first.task)[-1] == made.moves(third.task)[-1] == ("assigned", "executing")
    assert made.moves(second.task)[-1] == ("pending", "assigned")
    assert counted(session) == {"assigned": 1, "executing": 2}


def counted(session: Session) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for status, delta in session.execute(sa.select(Count.status, Count.delta)):
        sums[status] += delta
    return {status: number for status, number in sums.items() if number}
