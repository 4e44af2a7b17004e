"""A model of the lifecycle against the real one: executors, a caretaker, people, duplicates and a clock, in any order."""

from __future__ import annotations

import os
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import db, system_scope
from webapp.events import Event
from webapp.tasks import claim, lifecycle, queries, sweep
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End, Refused
from webapp.tasks.models import Task
from webapp.tasks.states import FINAL, LEASED, MOVES, WAITING, Status

FULL = os.environ.get("MUSTER_FULL") == "1"
codes = st.sampled_from([0, 0, 1, 259])


class Lifecycle(RuleBasedStateMachine):
    app: Flask
    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.context = self.app.app_context()
        self.context.push()
        self.scope = system_scope("state machine")
        self.scope.__enter__()
        self.now = clock.now()
        self.held: list[Claimed] = []
        self.starts: dict[str, int] = {}
        self.ends: dict[int, tuple[str, int | None]] = {}

    @initialize()
    def begin(self) -> None:
        self.first = (db.session.scalar(sa.select(sa.func.max(Task.id))) or 0) + 1
        self.end_all()

    @rule(retries=st.integers(0, 2))
    def launch(self, retries: int) -> None:
        made.task(self.cast.acme, self.now, max_retries=retries)

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        self.held += claim.for_worker("w", most, self.now)
        db.session.commit()

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        if taken := self._some(data):
            before = taken.task.status
            if (
                self._try(lifecycle.start, taken.task, taken.lease, made.WORKER, self.now)
                and before != Status.EXECUTING
            ):
                self.starts[taken.task.uuid] = self.starts.get(taken.task.uuid, 0) + 1

    @rule(data=st.data(), code=codes)
    def finish(self, data: st.DataObject, code: int) -> None:
        if taken := self._some(data):
            self._try(lifecycle.finish, taken.task, taken.lease, made.WORKER, self.now, End(code))

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if taken := self._some(data):
            self._try(lifecycle.give_back, taken.task, taken.lease, made.WORKER, self.now)

    @rule(data=st.data())
    def confirm_stop(self, data: st.DataObject) -> None:
        if (taken := self._some(data)) and taken.task.cancel_requested_at:
            self._try(lifecycle.stopped, taken.task, taken.lease, made.WORKER, self.now, End(260, reason="cancelled"))

    @rule(data=st.data(), code=codes)
    def report_late(self, data: st.DataObject, code: int) -> None:
        if taken := self._some(data):
            self._try(lifecycle.resolve_late, taken.task, made.WORKER, self.now, End(code))

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        if taken := self._some(data):
            claim.renew([(taken.task.uuid, taken.lease)], self.now)
            db.session.commit()

    @rule(
        data=st.data(), verb=st.sampled_from([lifecycle.cancel, lifecycle.retry, lifecycle.run_now, lifecycle.delete])
    )
    def act(self, data: st.DataObject, verb: object) -> None:
        if rows := self._tasks():
            self._try(verb, data.draw(st.sampled_from(rows)), made.ANN, self.now)

    @rule(seconds=st.sampled_from([1, 20, 61, 130, 500]))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        for chore in sweep.ROUND:
            chore(self.now)
        db.session.commit()

    @invariant()
    def nothing_started_twice(self) -> None:
        assert all(count == 1 for count in self.starts.values())

    @invariant()
    def histories_have_no_holes_and_only_legal_steps(self) -> None:
        for task in self._tasks():
            rows = db.session.scalars(sa.select(Event).where(Event.subject == "task", Event.subject_id == task.id,
                                                             Event.seq.is_not(None)).order_by(Event.seq)).all()  # fmt: skip
            assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
            assert rows[-1].after == task.status and task.moves == len(rows)
            for row in rows[1:]:
                assert Status(row.after) in MOVES[Status(row.before)]

    @invariant()
    def a_known_end_never_changes(self) -> None:
        for task in self._tasks():
            if task.status in FINAL and task.outcome_known:
                assert self.ends.setdefault(task.id, (task.status, task.exit_code)) == (task.status, task.exit_code)

    @invariant()
    def a_chain_has_one_latest_attempt_and_numbers_without_holes(self) -> None:
        for task in self._tasks():
            if task.original_task_id is None:
                chain = queries.chain(task)
                assert sum(each.latest for each in chain) == 1
                assert [each.retry_number for each in chain] == list(range(len(chain)))

    @invariant()
    def counts_are_true(self) -> None:
        shown = sa.select(Task.status, sa.func.count()).where(Task.latest, Task.deleted_at.is_(None))
        rows = db.session.execute(shown.group_by(Task.status))
        truth = dict(list(rows))
        assert queries.counts([self.cast.acme]) == truth

    def end_all(self) -> None:
        """One example's leftovers must not reach into the next one."""
        for verb, which in ((lifecycle.time_out, LEASED), (lifecycle.cancel, WAITING)):
            for task in db.session.scalars(sa.select(Task).where(Task.status.in_(which))).all():
                verb(task, made.ANN, self.now)
        db.session.commit()

    def teardown(self) -> None:
        db.session.rollback()
        self.end_all()
        self.scope.__exit__(None, None, None)
        self.context.pop()

    def _tasks(self) -> list[Task]:
        found = sa.select(Task).where(Task.id >= self.first).execution_options(populate_existing=True)
        return list(db.session.scalars(found.order_by(Task.id)))

    def _some(self, data: st.DataObject) -> Claimed | None:
        if not self.held:
            return None
        taken = data.draw(st.sampled_from(self.held))
        db.session.refresh(taken.task)
        return taken

    def _try(self, verb: object, *args: object) -> bool:
        try:
            with db.session.begin_nested():
                verb(*args)  # type: ignore[operator]
            return True
        except Refused:
            return False
        finally:
            db.session.commit()


def test_the_lifecycle_keeps_its_promises(app: Flask, cast: Cast) -> None:
    class Machine(Lifecycle):
        pass

    Machine.app, Machine.cast = app, cast
    size = (
        {"max_examples": 2000, "stateful_step_count": 60} if FULL else {"max_examples": 12, "stateful_step_count": 25}
    )
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    run_state_machine_as_test(Machine, settings=settings(**size, deadline=None, suppress_health_check=checks))
