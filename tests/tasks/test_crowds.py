"""A large batch keeps its counts: lists read a few sums, and they are what its tasks are."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.tasks import invariants, launch, lifecycle, purge, sweep
from webapp.tasks.lifecycle import End
from webapp.tasks.lists import batches
from webapp.tasks.models import BatchCount, Task
from webapp.tasks.spec import parse

LONG_AGO = timedelta(days=91)


@pytest.fixture(autouse=True)
def three_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "CROWD", 3)


def told(session: Session, of: Task) -> dict[str, int]:
    """As the list tells it, read without its tasks; and the same from them."""
    session.flush()
    assert invariants.counters(session) == []
    read: list[str] = []
    listen = session.get_bind(), "before_cursor_execute", lambda *given: read.append(given[2])
    sa.event.listen(*listen)
    counts = batches._counts([of.batch_id])[of.batch_id]
    sa.event.remove(*listen)
    assert len(read) == 1 and "FROM batch_count" in read[0]
    return counts


def fail() -> None:
    (taken,) = made.claimed()
    lifecycle.start(taken.task, taken.lease, made.WORKER, clock.now())
    lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(3))


def test_it_follows_every_move_and_counts_the_latest_attempts(session: Session, cast: Cast) -> None:
    first, *_, last = made.tasks(cast.acme, list("abcd"))
    assert told(session, first) == {"pending": 4}
    lifecycle.cancel(last, made.ANN, clock.now())
    fail()
    assert told(session, first) == {"pending": 2, "failed": 1, "cancelled": 1}
    failed = session.scalars(sa.select(Task).where(Task.status == "failed")).one()
    lifecycle.retry(failed, made.ANN, clock.now())
    assert told(session, first) == {"pending": 3, "cancelled": 1}
    lifecycle.delete(last, made.ANN, clock.now())
    assert told(session, first) == {"pending": 3}
    lifecycle.restore(last, made.ANN, clock.now())
    assert told(session, first) == {"pending": 3, "cancelled": 1}


def test_a_small_one_and_a_small_retry_are_counted_from_their_tasks(session: Session, cast: Cast) -> None:
    first, _ = made.tasks(cast.acme, list("ab"))
    fail()
    assert session.scalar(sa.select(sa.func.count()).select_from(BatchCount)) == 0
    assert batches._counts([first.batch_id])[first.batch_id] == {"pending": 1, "failed": 1}
    assert invariants.counters(session) == []


def test_folding_leaves_the_sums_as_they_are(session: Session, cast: Cast) -> None:
    several = [made.tasks(cast.acme, list("abc"))[0] for _ in range(2)]
    for _ in range(4):
        fail()
    sweep.fold_counts(clock.now())
    assert session.scalar(sa.select(sa.func.count()).select_from(BatchCount)) == 3
    assert [told(session, task) for task in several] == [{"failed": 3}, {"failed": 1, "pending": 2}]


def test_what_is_extended_stays_what_it_was(session: Session, cast: Cast) -> None:
    with writing_to(cast.acme):
        for inputs in (list("abc"), list("ab")):
            (first, *_) = made.tasks(cast.acme, inputs)
            spec = parse({"data": {"plugin_id": "demo", "input_data": list("defg")}})
            launch.extend(first.batch, spec, made.ANN, clock.now(), members=())
            crowd = len(inputs) == 3
            assert set(session.scalars(sa.select(Task.crowd).where(Task.batch_id == first.batch_id))) == {crowd}
            assert batches._counts([first.batch_id])[first.batch_id] == {"pending": len(inputs) + 4}
    assert invariants.counters(session) == []


def test_agents_that_are_still_to_be_found_may_be_many(session: Session, cast: Cast) -> None:
    (waits,) = made.command(cast.acme, {"agents": "all"})
    assert told(session, waits) == {"pending": 1}
    for _ in range(4):
        made.agent(cast.acme)
    sweep.fan_out(clock.now())
    assert told(session, waits) == {"pending": 4}


def test_retention_counts_down_and_leaves_nothing(session: Session, settings: Settings, cast: Cast) -> None:
    then = clock.now() - LONG_AGO
    tasks = made.tasks(cast.acme, list("abc"), then)
    for task in tasks[:2]:
        lifecycle.cancel(task, made.ANN, then)
    session.commit()
    assert purge.old(clock.now(), settings.data, timedelta(days=90)) == 2
    assert told(session, tasks[2]) == {"pending": 1}
    lifecycle.cancel(tasks[2], made.ANN, then)
    session.commit()
    assert purge.old(clock.now(), settings.data, timedelta(days=90)) == 1
    session.flush()
    assert session.scalar(sa.select(sa.func.count()).select_from(BatchCount)) == 0
