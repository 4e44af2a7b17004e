"""Taking queued tasks: each by one executor, in order, within limits, under a lease that can be lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import dialect, unit
from webapp.tasks import claim, lifecycle
from webapp.tasks.lifecycle import End, Lease, Refused
from webapp.tasks.models import Limit
from webapp.tasks.states import Status


def test_higher_priority_first_then_the_longest_waiting(session: Session, cast: Cast) -> None:
    late = made.task(cast.acme, priority=5)
    first, second = made.tasks(cast.acme, ["a", "b"])
    assert [c.task.id for c in made.claimed(most=3)] == [late.id, first.id, second.id]


@pytest.mark.parametrize("taker", ["worker", "agent"])
def test_a_backlog_is_not_sorted(session: Session, cast: Cast, taker: str) -> None:
    agent = made.agent(cast.acme)
    connection = session.connection()
    if dialect() == "postgresql":  # it plans by the numbers of rows, and here there are none
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            session.execute(sa.text(f"SET LOCAL enable_{way} = off"))
    asked: list[tuple[str, Any]] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    if taker == "worker":
        claim.for_worker("w", 3, clock.now())
    else:
        claim.for_agent(agent, 3, "c", clock.now())
    explain = "EXPLAIN QUERY PLAN" if dialect() == "sqlite" else "EXPLAIN"
    looks = [look for look in asked if "FROM task " in look[0] and "ORDER BY" in look[0]]
    plans = [str(row) for look in looks for row in connection.exec_driver_sql(f"{explain} {look[0]}", look[1])]
    assert "ix_task_claim" in str(plans)
    assert not [line for line in plans if "Sort" in line or "B-TREE" in line]


def test_many_claims_at_once_share_the_tasks_out(app: Flask, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, list("abcdefghij"))
    session.commit()

    def take(number: int) -> list[str]:
        with unit(app, "test"):
            return [c.task.uuid for c in claim.for_worker(f"w{number}", 3, clock.now())]

    with ThreadPoolExecutor(8) as pool:
        taken = [uuid for got in pool.map(take, range(8)) for uuid in got]
    assert len(taken) == len(set(taken)) == 10


def test_a_claim_takes_a_new_lease_each_time(session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    first = made.claimed()[0]
    lifecycle.give_back(first.task, first.lease, made.WORKER, clock.now())
    second = made.claimed()[0]
    assert second.lease.seq == first.lease.seq + 1
    assert second.lease.token != first.lease.token


def test_a_stale_lease_writes_nothing(session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    first = made.claimed()[0]
    lifecycle.give_back(first.task, first.lease, made.WORKER, clock.now())
    second = made.claimed()[0]
    with pytest.raises(Refused):
        lifecycle.start(second.task, first.lease, made.WORKER, clock.now())
    assert second.task.status == Status.ASSIGNED


def test_a_guessed_token_writes_nothing(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    with pytest.raises(Refused):
        lifecycle.finish(taken.task, Lease(taken.lease.seq, "guessed"), made.WORKER, clock.now(), End(0))


def test_three_deliveries_without_a_start_are_enough(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    for _ in range(3):
        taken = made.claimed()[0]
        lifecycle.give_back(taken.task, taken.lease, made.WORKER, clock.now())
    session.refresh(task)
    assert (task.status, task.reason, task.exit_code) == ("failed", "undeliverable", -1)


def test_renewing_tells_which_leases_are_void(session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b"])
    kept, lost = made.claimed(most=2)
    lifecycle.give_back(lost.task, lost.lease, made.WORKER, clock.now())
    later = clock.now() + timedelta(seconds=30)
    assert claim.renew([(c.task.uuid, c.lease) for c in (kept, lost)], later) == {lost.task.uuid}
    session.refresh(kept.task)
    assert kept.task.lease_until == later + lifecycle.LEASE


def test_a_named_limit_holds_also_within_one_claim(session: Session, cast: Cast) -> None:
    session.add(Limit(organization_id=cast.acme, name="db", maximum=2))
    session.commit()
    made.tasks(cast.acme, list("abcd"), limit="db")
    other = made.task(cast.acme)
    first = made.claimed(most=10)
    assert len(first) == 3 and other.id in [c.task.id for c in first]
    assert made.claimed(most=10) == []
    done = next(c for c in first if c.task.limit_name)
    lifecycle.start(done.task, done.lease, made.WORKER, clock.now())
    lifecycle.finish(done.task, done.lease, made.WORKER, clock.now(), End(0))
    assert len(made.claimed(most=10)) == 1


def test_a_limit_of_one_organisation_is_not_anothers(session: Session, cast: Cast) -> None:
    session.add(Limit(organization_id=cast.acme, name="db", maximum=1))
    session.commit()
    made.tasks(cast.globex, list("ab"), limit="db")
    assert len(made.claimed(most=10)) == 2


def test_an_agent_takes_its_own_and_what_anyone_may_do(session: Session, cast: Cast) -> None:
    mine, other = made.agent(cast.acme, "mine"), made.agent(cast.acme, "other")
    own = made.command(cast.acme, {"agents": ["mine"]})[0]
    made.command(cast.acme, {"agents": ["other"]})
    shared = made.command(cast.acme, {"agents": "anyone"})[0]
    taken = claim.for_agent(mine, 10, "c1", clock.now())
    assert {c.task.id for c in taken} == {own.id, shared.id}
    assert shared.agent_id == mine.id and other.id != mine.id


def test_an_agent_never_takes_what_it_cannot_run_or_what_is_foreign(session: Session, cast: Cast) -> None:
    poor = made.agent(cast.acme, "poor", capabilities=["plugin"])
    made.agent(cast.globex, "theirs")
    made.command(cast.acme, {"agents": "anyone"})
    made.command(cast.globex, {"agents": "anyone"})
    assert claim.for_agent(poor, 10, "c1", clock.now()) == []


def test_a_task_for_anyone_that_was_handed_back_is_anyones_again(session: Session, cast: Cast) -> None:
    first, second = made.agent(cast.acme), made.agent(cast.acme)
    made.command(cast.acme, {"agents": "anyone"})
    taken = claim.for_agent(first, 1, "c1", clock.now())[0]
    lifecycle.lose(taken.task, made.WORKER, clock.now())
    session.commit()
    assert claim.for_agent(second, 1, "c2", clock.now())[0].task.id == taken.task.id
