"""The verbs: what each does, whom it refuses, and what the history says of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.tasks import graph, lifecycle, queries, sweep
from webapp.tasks.lifecycle import End, Refused
from webapp.tasks.models import Edge, Task
from webapp.tasks.states import FINAL, MOVES, OPEN, Status

NOW = clock.now()


def test_every_status_has_its_moves_and_no_final_one_leads_back_to_life() -> None:
    assert set(MOVES) == set(Status)
    assert all(not (MOVES[status] & OPEN) for status in FINAL)


def test_a_run_to_its_end_is_told_step_by_step(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    assert made.moves(task) == [
        (None, "pending"),
        ("pending", "assigned"),
        ("assigned", "executing"),
        ("executing", "completed"),
    ]
    assert task.exit_code == 0 and task.reason is None and task.ended_at


@pytest.mark.parametrize(("code", "status", "reason"), [
    (0, "completed", None), (3, "failed", "exit_code"), (259, "failed", "timeout"), (261, "failed", "worker_lost"),
])  # fmt: skip
def test_the_exit_code_decides(session: Session, cast: Cast, code: int, status: str, reason: str | None) -> None:
    task = made.ended(cast.acme, code)
    assert (task.status, task.reason, task.exit_code) == (status, reason, code)


def test_other_codes_can_be_success(session: Session, cast: Cast) -> None:
    assert made.ended(cast.acme, 3, success_exit_codes=[0, 3]).status == "completed"


def test_a_failure_is_told_in_words_also_when_the_program_said_only_a_number(session: Session, cast: Cast) -> None:
    told = made.ended(cast.acme, 3, success_exit_codes=[0, 2]).error
    assert told == "The program ended with exit code 3; success is 0 or 2"
    assert made.ended(cast.acme, 0).error is None


def test_starting_twice_with_one_permit_starts_once(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    lifecycle.start(taken.task, taken.lease, made.WORKER, clock.now())
    assert made.moves(taken.task).count(("assigned", "executing")) == 1


def test_cancel_before_the_start_means_that_it_never_starts(session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    taken = made.claimed()[0]
    lifecycle.cancel(taken.task, made.ANN, clock.now())
    with pytest.raises(Refused):
        lifecycle.start(taken.task, taken.lease, made.WORKER, clock.now())
    assert taken.task.status == "cancelled"


def test_cancel_of_a_running_task_asks_and_the_worker_confirms(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    lifecycle.cancel(taken.task, made.ANN, clock.now())
    assert taken.task.cancelling and taken.task.status == "executing"
    lifecycle.stopped(taken.task, taken.lease, made.WORKER, clock.now(), End(260, reason="cancelled"))
    assert (taken.task.status, taken.task.exit_code, taken.task.cancel_requested_by) == ("terminated", 260, "ann")


def test_a_stop_that_nobody_confirms_is_given_up_after_two_minutes(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    lifecycle.cancel(taken.task, made.ANN, NOW)
    session.commit()
    assert sweep.give_up_stops(NOW + timedelta(seconds=119)) == 0
    assert sweep.give_up_stops(NOW + timedelta(seconds=121)) == 1
    session.refresh(taken.task)
    assert taken.task.status == "terminated" and not taken.task.outcome_known


def test_a_finished_task_refuses_every_verb_with_a_sentence(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    with pytest.raises(Refused, match="It is now Completed"):
        lifecycle.cancel(task, made.ANN, clock.now())
    with pytest.raises(Refused, match="Reschedule it"):
        lifecycle.retry(task, made.ANN, clock.now())


def test_the_database_itself_keeps_a_finished_task(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    with pytest.raises(DBAPIError, match="does not change"):
        session.execute(sa.update(Task).where(Task.id == task.id).values(status="failed"))
    session.rollback()


def test_two_people_who_act_at_once_are_told_apart(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    session.execute(
        sa.update(Task).where(Task.id == task.id).values(status="cancelled"),
        execution_options={"synchronize_session": False},
    )
    with pytest.raises(Refused, match="changed meanwhile"):
        lifecycle.cancel(task, made.ANN, clock.now())


def test_open_tasks_cannot_be_deleted_and_deleted_ones_come_back(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    with pytest.raises(Refused, match="Cancel it first"):
        lifecycle.delete(task, made.ANN, clock.now())
    lifecycle.cancel(task, made.ANN, clock.now())
    lifecycle.delete(task, made.ANN, clock.now())
    assert queries.by_uuid(task.uuid) is None
    lifecycle.restore(task, made.ANN, clock.now())
    assert queries.by_uuid(task.uuid) is not None


def test_a_failure_is_retried_with_a_growing_delay_until_the_limit(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, 1, max_retries=2, retry_delay=60)
    second = queries.chain(task)[1]
    assert (second.status, second.retry_number, second.trigger, second.original_task_id) == (
        "scheduled",
        1,
        "retry",
        task.id,
    )
    assert 45 < (second.not_before - task.ended_at).total_seconds() < 75
    assert not task.latest and second.latest


def test_a_retry_names_the_reasons_it_is_for(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, 1, max_retries=2, retry_on=["timeout"])
    assert len(queries.chain(task)) == 1


def test_cancelling_the_waiting_retry_stops_the_chain(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, 1, max_retries=2)
    lifecycle.cancel(queries.chain(task)[1], made.ANN, clock.now())
    assert [t.status for t in queries.chain(task)] == ["failed", "cancelled"]


def test_a_retry_by_hand_goes_on_beyond_the_limit(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, 1)
    second = lifecycle.retry(task, made.ANN, clock.now())
    assert (second.retry_number, second.max_retries, second.status) == (1, 1, "pending")
    with pytest.raises(Refused, match="A later attempt"):
        lifecycle.retry(task, made.ANN, clock.now())


def test_a_late_result_tells_what_really_happened_and_stops_the_retry(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme, NOW, max_retries=1)
    sweep.lose_workers(NOW + timedelta(seconds=61))
    task = session.get_one(Task, taken.task.id, populate_existing=True)
    assert (task.status, task.reason, task.outcome_known) == ("failed", "worker_lost", False)
    assert lifecycle.resolve_late(task, made.WORKER, clock.now(), End(0))
    assert (task.status, task.late, task.outcome_known, task.latest) == ("completed", True, True, True)
    assert [t.status for t in queries.chain(task)] == ["completed", "cancelled"]


def test_a_late_result_does_not_overrule_a_newer_attempt_that_has_started(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme, NOW, max_retries=1, retry_delay=1)
    sweep.lose_workers(NOW + timedelta(seconds=61))
    session.commit()
    sweep.release_due(NOW + timedelta(hours=1))
    newer = made.claimed(NOW + timedelta(hours=1))[0]
    lifecycle.start(newer.task, newer.lease, made.WORKER, NOW)
    task = session.get_one(Task, taken.task.id, populate_existing=True)
    assert not lifecycle.resolve_late(task, made.WORKER, clock.now(), End(0))
    assert task.status == "failed"


def test_what_had_not_started_is_handed_on_when_its_worker_is_lost(session: Session, cast: Cast) -> None:
    made.task(cast.acme, NOW)
    taken = made.claimed(NOW)[0]
    sweep.lose_workers(NOW + timedelta(seconds=61))
    task = session.get_one(Task, taken.task.id, populate_existing=True)
    assert (task.status, task.delivery_count) == ("pending", 1)


def test_a_task_past_its_deadline_fails_though_its_lease_is_renewed(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme, NOW, execution_timeout=10)
    assert sweep.time_out(NOW + timedelta(seconds=129)) == 0
    assert sweep.time_out(NOW + timedelta(seconds=131)) == 1
    task = session.get_one(Task, taken.task.id, populate_existing=True)
    assert (task.reason, task.exit_code, task.outcome_known) == ("timeout", 259, False)


def test_nobody_picks_it_up_in_time(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme, NOW, expires_in=60)
    sweep.expire_unclaimed(NOW + timedelta(seconds=61))
    session.refresh(task)
    assert (task.status, task.exit_code) == ("expired", -1)


def test_a_scheduled_task_is_released_when_it_is_due_and_not_before(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme, NOW, not_before=(NOW + timedelta(hours=1)).isoformat())
    assert task.status == "scheduled"
    assert sweep.release_due(NOW + timedelta(minutes=59)) == 0
    assert sweep.release_due(NOW + timedelta(minutes=60)) == 1


def test_run_now_goes_before_all_others(session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b"], priority=10)
    waiting = made.task(cast.acme, not_before=(NOW + timedelta(hours=1)).isoformat())
    lifecycle.run_now(waiting, made.ANN, clock.now())
    session.commit()
    assert made.claimed()[0].task.id == waiting.id


def _child(session: Session, cast: Cast, parents: list[Task], on: str = "succeeded") -> Task:
    child = made.task(cast.acme)
    session.execute(sa.update(Task).where(Task.id == child.id).values(status="blocked", pending_parents=len(parents)))
    session.add_all(Edge(organization_id=cast.acme, parent_id=p.id, child_id=child.id, on=on) for p in parents)
    session.commit()
    return child


def test_a_child_starts_once_when_its_last_parent_ends(session: Session, cast: Cast) -> None:
    parents = made.tasks(cast.acme, ["a", "b"])
    child = _child(session, cast, parents)
    for taken in made.claimed(most=2):
        assert session.get_one(Task, child.id, populate_existing=True).status == "blocked"
        lifecycle.start(taken.task, taken.lease, made.WORKER, NOW)
        lifecycle.finish(taken.task, taken.lease, made.WORKER, NOW, End(0))
        session.commit()
    assert session.get_one(Task, child.id, populate_existing=True).status == "pending"
    assert graph.consume(parents[0], NOW) == []


def test_a_failed_parent_leaves_its_child_blocked(session: Session, cast: Cast) -> None:
    parent = made.task(cast.acme)
    child = _child(session, cast, [parent])
    taken = made.claimed()[0]
    lifecycle.start(taken.task, taken.lease, made.WORKER, NOW)
    lifecycle.finish(taken.task, taken.lease, made.WORKER, NOW, End(1))
    assert session.get_one(Task, child.id, populate_existing=True).status == "blocked"


def test_counts_follow_every_move_and_survive_folding(session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, list("abc"))
    made.ended(cast.acme)
    before = queries.counts([cast.acme])
    assert sum(before.values()) == 4 and before["completed"] == 1
    sweep.fold_counts(NOW)
    assert queries.counts([cast.acme]) == before
    assert queries.counts([cast.globex]) == {}
