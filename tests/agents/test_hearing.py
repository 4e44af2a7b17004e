"""An outage of the server never fails what runs on hosts."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.agents import hearing, sweep
from webapp.processes.models import Process
from webapp.tasks import claim, lifecycle
from webapp.tasks import sweep as tasks
from webapp.tasks.models import Task

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return clock.now()


def web(session: Session, name: str, since: datetime, seen: datetime) -> None:
    facts = {"since": since.isoformat()}
    session.merge(Process(name=name, kind="web", host="h", pid=1, started_at=since, seen_at=seen, facts=facts))
    session.commit()


@pytest.fixture
def task(session: Session, cast: Cast, now: datetime) -> Task:
    """Running on an agent that was last heard five minutes ago."""
    begun = now - 5 * MINUTE
    agent = made.agent(cast.acme, "web-1", last_seen_at=begun)
    made.command(cast.acme, {"agents": ["web-1"]}, now=begun, execution_timeout=60)
    (taken,) = claim.for_agent(agent, 1, "c", begun)
    lifecycle.start(taken.task, taken.lease, made.WORKER, begun)
    session.commit()
    return taken.task


def judged(now: datetime) -> int:
    return tasks.lose_agents(now) + tasks.time_out(now) + sweep.notice_offline(now)


def test_a_server_that_was_there_judges(session: Session, task: Task, now: datetime) -> None:
    web(session, "web@h:1", now - 60 * MINUTE, now)
    assert judged(now) == 2
    assert task.reason == "agent_offline"


def test_a_server_that_has_just_come_back_waits_two_minutes(session: Session, task: Task, now: datetime) -> None:
    web(session, "web@h:1", now - 60 * MINUTE, now - 5 * MINUTE)
    web(session, "web@h:2", now - MINUTE, now)
    assert judged(now) == 0 and task.status == "executing"
    web(session, "web@h:2", now - MINUTE, now + MINUTE)
    assert judged(now + MINUTE) == 2


def test_while_no_server_answers_nobody_is_judged(session: Session, task: Task, now: datetime) -> None:
    web(session, "web@h:1", now - 60 * MINUTE, now - 4 * MINUTE)
    assert judged(now) == 0


def test_of_several_servers_one_that_stayed_is_enough(session: Session, task: Task, now: datetime) -> None:
    web(session, "web@h:1", now - 60 * MINUTE, now)
    web(session, "web@h:2", now - MINUTE / 6, now)
    assert judged(now) == 2


def test_where_servers_tell_nothing_every_silence_counts(session: Session, task: Task, now: datetime) -> None:
    assert hearing.sure(now)
    assert judged(now) == 2


def test_workers_are_judged_all_the_same(session: Session, cast: Cast, now: datetime) -> None:
    web(session, "web@h:1", now - MINUTE / 6, now)
    taken = made.started(cast.acme, now - 5 * MINUTE)
    assert tasks.lose_workers(now) == 1 and taken.task.reason == "worker_lost"
