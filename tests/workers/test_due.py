"""A loop asks before it looks: nothing that is due is passed over, and where nothing is, no transaction is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock, queue
from webapp import db as database
from webapp.access import audit
from webapp.access.models import Audit
from webapp.config import Settings
from webapp.events import SYSTEM
from webapp.tasks.models import Task
from webapp.tasks.states import Status
from workers import caretaker, scheduler
from workers.chores import Chores


@pytest.fixture
def loops(settings: Settings) -> Iterator[list[Chores]]:
    queue.connect(settings)
    app = database.core(settings)
    yield [Chores("scheduler", app, scheduler.chores()), Chores("caretaker", app, caretaker.chores(settings))]
    with app.app_context():
        database.db.engine.dispose()


def scheduled(cast: Cast) -> Task:
    return made.task(cast.acme, not_before=(clock.now() + timedelta(minutes=5)).isoformat())


def pending(cast: Cast) -> Task:
    return made.task(cast.acme, expires_in=60)


def for_an_agent(cast: Cast) -> Task:
    made.agent(cast.acme)
    return made.command(cast.acme, {"agents": "all"})[0]


def running(cast: Cast) -> Task:
    return made.started(cast.acme).task


@pytest.mark.parametrize(
    ("make", "wait", "status"),
    [
        (scheduled, timedelta(minutes=6), Status.PENDING),
        (pending, timedelta(minutes=2), Status.EXPIRED),
        (running, timedelta(minutes=2), Status.FAILED),
    ],
)
def test_what_is_due_is_done(
    loops: list[Chores], session: Session, cast: Cast, make: Callable[[Cast], Task], wait: timedelta, status: Status
) -> None:
    task = make(cast)
    session.commit()
    assert [loop.tick(clock.now() + wait) for loop in loops] == [0, 0]
    session.expire_all()
    assert session.scalar(sa.select(Task.status).where(Task.id == task.id)) == status


def test_all_agents_are_found_for_a_task_of_all(loops: list[Chores], session: Session, cast: Cast) -> None:
    task = for_an_agent(cast)
    session.execute(
        sa.update(Task).where(Task.id == task.id).values(agent_id=None, owner="all", target={"agents": "all"})
    )
    session.commit()
    loops[0].tick(clock.now())
    session.expire_all()
    assert session.scalar(sa.select(Task.agent_id).where(Task.batch_id == task.batch_id).limit(1))


def test_new_audit_entries_are_chained(loops: list[Chores], session: Session, cast: Cast) -> None:
    audit.record(cast.acme, "thing.change", "thing", SYSTEM, clock.now())
    session.commit()
    loops[1].tick(clock.now())
    session.expire_all()
    assert not session.scalars(sa.select(Audit).where(Audit.hash.is_(None))).all()


def test_where_nothing_is_due_no_chore_with_a_question_is_done(
    loops: list[Chores], session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops[1].tick(clock.now())  # chains what the cast's making has written
    done: list[str] = []

    def note(app: object, reason: str, **_: object) -> Iterator[None]:
        done.append(reason.partition(": ")[2])
        return unit(app, reason)

    unit = database.unit
    monkeypatch.setattr(database, "unit", note)
    for loop in loops:
        for chore in loop.chores:
            chore.due = 0.0
        loop.tick(clock.now())
    asked = {chore.name for loop in loops for chore in loop.chores if chore.asks is not None}
    assert asked and done and not asked & set(done)
