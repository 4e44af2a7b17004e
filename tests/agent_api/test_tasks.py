"""From the claim to the end: each step over HTTP, as agents take it, with the requests that get lost or come twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller, Held
from tests.agent_api.conftest import Enrolled
from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import until
from webapp import clock
from webapp.agents import lifecycle
from webapp.agents.models import Agent
from webapp.db import dialect, unit
from webapp.events import SYSTEM
from webapp.library.signing import Signing
from webapp.plugins import catalogue
from webapp.plugins import lifecycle as plugins
from webapp.plugins.contract import Manifest, Parameter
from webapp.plugins.discovery import Plugin
from webapp.seal import Seal
from webapp.tasks import equivalents, sweep
from webapp.tasks import lifecycle as tasks
from webapp.tasks.models import LateResult, Task
from webapp.tasks.reports import EVIDENCE_KEPT
from workers.agent import protocol as p
from workers.agent import trust, verify


@pytest.fixture
def task(caller: Caller, session: Session, cast: Cast) -> Task:
    return made.command(cast.acme, {"agents": ["web-1"]}, "echo hello", env={"A": "b"}, execution_timeout=60)[0]


@pytest.fixture
def held(caller: Caller, task: Task) -> Held:
    return caller.started()


def code(answer) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    return answer.status_code, answer.json["code"]


# --- claims -------------------------------------------------------------------------------------------------


def test_a_claim_carries_what_the_host_needs(caller: Caller, task: Task) -> None:
    claimed = caller.take().task
    assert (claimed.task_id, claimed.type, claimed.data) == (task.uuid, "execute_command", {"command": "echo hello"})
    assert claimed.options.env == {"A": "b"} and claimed.options.execution_timeout == 60
    assert claimed.options.max_output == 100 * 2**20 and claimed.organization == "acme"


def test_its_command_is_signed_for_this_lease_on_this_host(app: Flask, caller: Caller, task: Task) -> None:
    held, now = caller.take(), clock.now()
    pinned = trust.Trust.pin(Signing(app.extensions["settings"].signing_key_file).bundle(now))
    asked = (task.uuid, held.task.lease_seq, caller.agent_id, pinned, now)
    verify.check_command(held.task.command_signature, p.command_of(held.raw), *asked)
    with pytest.raises(verify.Refused):
        changed = held.raw | {"data": {"command": "rm -rf /"}}
        verify.check_command(held.task.command_signature, p.command_of(changed), *asked)


def test_a_plugin_comes_with_its_settings_and_secrets(app: Flask, caller: Caller, session: Session, cast: Cast) -> None:
    seal, plugin = Seal(app.extensions["settings"].secrets_key_file), catalogue.find("demo")
    plugins.configure(plugin, cast.acme, {"token": "quiet-riot-77"}, seal, SYSTEM, clock.now())
    session.commit()
    made.launched(cast.acme, {"data": {"plugin_id": "demo"}, "target": {"agents": ["web-1"]}})
    held = caller.take()
    assert held.task.secrets == {"setting.token": "quiet-riot-77"}
    assert "quiet-riot-77" not in str(held.task.data) and held.task.data["settings"] == {}


def test_a_secret_of_the_call_comes_beside_the_data_which_the_host_writes_down(
    app: Flask, caller: Caller, cast: Cast
) -> None:
    pin = Parameter("pin", "secret")
    manifest = Manifest("pinned", "Pinned", "Has a pin.", any_input=True, runs_on=("agent",), parameters=(pin,))
    path = app.extensions["settings"].data / "pinned.py"
    path.write_text("from webapp.plugins.contract import Manifest\n")
    catalogue.catalogue().plugins["pinned"] = Plugin(manifest, f"file:{path}")
    body = {"data": {"plugin_id": "pinned", "kwargs": {"pin": "4711-0815"}}, "target": {"agents": ["web-1"]}}
    (task,) = made.launched(cast.acme, body)
    held = caller.take()
    assert "4711" not in str(task.data) and "4711" not in str(equivalents.data(task))
    assert held.task.data["kwargs"] == {} and held.task.secrets == {"parameter.pin": "4711-0815"}


def test_secrets_that_cannot_be_opened_fail_the_task(app: Flask, caller: Caller, session: Session, cast: Cast) -> None:
    seal, plugin = Seal(app.extensions["settings"].secrets_key_file), catalogue.find("demo")
    plugins.configure(plugin, cast.acme, {"token": "quiet-riot-77"}, seal, SYSTEM, clock.now())
    session.commit()
    task = made.launched(cast.acme, {"data": {"plugin_id": "demo"}, "target": {"agents": ["web-1"]}})[0]
    seal.rotate()
    seal.forget()
    assert caller.claim().status_code == 204
    session.refresh(task)
    assert (task.status, task.reason) == ("failed", "plugin_error") and "sealed with the key" in task.error


def test_nothing_to_do_is_no_content(caller: Caller) -> None:
    assert caller.claim().status_code == 204


def test_a_claim_does_not_wait_for_heartbeats_that_are_being_noted(
    app: Flask, caller: Caller, agent: Agent, task: Task, session: Session
) -> None:
    if dialect() == "sqlite":
        return  # one writer at a time, whatever it writes
    with unit(app, "test") as other, ThreadPoolExecutor(1) as pool:
        other.execute(sa.update(Agent).values(load=0.5))
        asked = pool.submit(caller.claim)
        try:
            assert asked.result(60).status_code == 200
        finally:
            other.rollback()


def test_the_same_claim_gets_the_same_leases(caller: Caller, task: Task, session: Session) -> None:
    first, again = (caller.claim(claim_id="one").json["tasks"] for _ in range(2))
    assert (first[0]["token"], first[0]["lease_seq"]) == (again[0]["token"], again[0]["lease_seq"])
    session.refresh(task)
    assert task.delivery_count == 1
    assert caller.claim(claim_id="another").status_code == 204


def test_after_a_minute_the_same_claim_is_a_new_one(caller: Caller, task: Task, pass_time) -> None:  # type: ignore[no-untyped-def]
    caller.claim(claim_id="one")
    pass_time(timedelta(seconds=61))
    assert caller.claim(claim_id="one").status_code == 204


def test_results_are_handed_in_before_anything_new(caller: Caller, task: Task) -> None:
    assert code(caller.claim(spool=1)) == (409, "drain_first")


def test_a_claim_takes_no_more_than_it_asks_for(caller: Caller, session: Session, cast: Cast) -> None:
    for _ in range(3):
        made.command(cast.acme, {"agents": "anyone"})
    assert len(caller.claim(most=2).json["tasks"]) == 2
    assert caller.claim(most=0).status_code == 204


def test_a_runaway_claimer_is_slowed_down(caller: Caller) -> None:
    answers = [caller.claim() for _ in range(601)]
    assert {answer.status_code for answer in answers[:600]} == {204}
    assert code(answers[-1]) == (429, "slow_down") and int(answers[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("wrong", [{"claim_id": ""}, {"claim_id": "x" * 65}, {"max": "4"}, {}])
def test_a_claim_that_cannot_be_read_is_refused(caller: Caller, wrong: dict) -> None:  # type: ignore[type-arg]
    body = {"claim_id": "x", "max": 1, "spool": 0} | wrong if wrong else {}
    assert code(caller.call("POST", p.CLAIM, body)) == (422, "bad_message")


# --- steps --------------------------------------------------------------------------------------------------


def test_a_task_goes_its_way(held: Held, task: Task, session: Session) -> None:
    held.log(b"hello\n")
    held.status("reporting", 0)
    assert held.result().json == {"accepted": True}
    session.refresh(task)
    assert (task.status, task.exit_code, task.stdout_size, task.token_hash) == ("completed", 0, 6, None)
    assert [to for _, to in made.moves(task)] == ["pending", "assigned", "executing", "reporting", "completed"]


def test_downloading_is_a_step_that_shows(caller: Caller, task: Task, session: Session) -> None:
    held = caller.take()
    held.status("downloading")
    session.refresh(task)
    assert task.status == "downloading"
    held.start()
    assert held.status("downloading").status_code == 200  # overtaken: no contradiction
    session.refresh(task)
    assert task.status == "executing"


def test_the_permit_may_be_asked_for_again(held: Held, task: Task, session: Session) -> None:
    before = task.started_at
    answer = held.start()
    assert answer.json == {"deadline_s": 60 + 120}
    session.refresh(task)
    assert before in (None, task.started_at)


def test_a_task_that_was_cancelled_is_not_started(caller: Caller, task: Task, session: Session) -> None:
    held = caller.take()
    session.refresh(task)
    tasks.cancel(task, SYSTEM, clock.now())
    assert code(held.start()) == (409, "cancelled")


def test_a_task_of_a_paused_agent_is_not_started(caller: Caller, task: Task, agent: Agent, session: Session) -> None:
    held = caller.take()
    lifecycle.disable(agent, SYSTEM, clock.now())
    assert code(held.start()) == (409, "frozen")
    assert held.give_back().status_code == 200
    session.refresh(task)
    assert task.status == "pending"


def test_a_stale_lease_starts_nothing(caller: Caller, task: Task) -> None:
    held = caller.take()
    held.give_back()
    assert code(held.start()) == (409, "stale")
    assert caller.take().task.lease_seq == held.task.lease_seq + 1


def test_what_anyone_may_do_goes_to_another_when_it_is_handed_back(
    enrolled: Enrolled, session: Session, cast: Cast
) -> None:
    first, second = enrolled(hostname="first"), enrolled(hostname="second")
    made.command(cast.acme, {"agents": "anyone"})
    first.take().give_back()
    assert second.take().start().status_code == 200


def test_a_failure_before_the_start_is_told_with_its_reason(caller: Caller, task: Task, session: Session) -> None:
    held = caller.take()
    assert held.fail("checksum_mismatch", "The bytes differ").status_code == 200
    assert held.fail("checksum_mismatch", "The bytes differ").status_code == 200
    session.refresh(task)
    assert (task.status, task.reason, task.exit_code, task.error) == (
        "failed", "checksum_mismatch", -1, "The bytes differ",
    )  # fmt: skip


def test_a_stop_shows_on_every_answer_about_it(held: Held, task: Task, session: Session) -> None:
    assert p.CANCEL_HEADER not in held.log(b"x").headers
    session.refresh(task)
    tasks.cancel(task, SYSTEM, clock.now())
    for answer in (held.log(b"y"), held.size(), held.start(), held.log(b"z", offset=99)):
        assert answer.headers[p.CANCEL_HEADER] == "1"
    assert held.cancelled(escaped=1).status_code == 200
    session.refresh(task)
    assert (task.status, task.exit_code, task.outcome_known) == ("terminated", 260, True)
    assert "may still run" in (task.error or "")


# --- last words ---------------------------------------------------------------------------------------------


def test_the_same_result_again_gets_the_same_answer(held: Held, task: Task, session: Session) -> None:
    assert [held.result().json for _ in range(3)] == [{"accepted": True}] * 3


def test_another_result_is_refused(held: Held, task: Task, session: Session) -> None:
    held.result(0)
    assert held.result(1).json == {"accepted": "late"}
    session.refresh(task)
    assert (task.status, task.exit_code) == ("completed", 0)


def test_a_result_waits_for_its_output(held: Held, task: Task, session: Session) -> None:
    held.log(b"hello")
    answer = held.result(sizes={"stdout": 11, "stderr": 3, "index": 0})
    assert code(answer) == (412, "incomplete") and answer.json["missing"] == {"stdout": 5, "stderr": 0}
    held.log(b" world")
    held.log(b"err", stream="stderr")
    assert held.result().json == {"accepted": True}


def test_output_that_differs_from_what_was_hashed_is_noted(held: Held, task: Task, session: Session) -> None:
    held.log(b"hello")
    assert held.result(sha256={"stdout": "0" * 64}).status_code == 200
    from webapp.events import Event

    assert session.query(Event).filter_by(kind="task.output_differs").one().subject_id == task.id


@pytest.mark.parametrize(
    ("told", "status", "reason"),
    [
        ({"exit_code": 3}, "failed", "exit_code"),
        ({"exit_code": 259, "reason": "timeout"}, "failed", "timeout"),
        ({"exit_code": 259}, "failed", "timeout"),
        ({"exit_code": 261, "outcome_known": False, "reason": "agent_offline"}, "failed", "agent_offline"),
        ({"exit_code": 137, "signal": 9}, "failed", "exit_code"),
        ({"exit_code": 1, "reason": "nonsense"}, "failed", "exit_code"),
        ({"exit_code": 260}, "terminated", None),
    ],
)
def test_each_end_has_its_status_and_reason(held: Held, task: Task, session: Session, told, status, reason) -> None:  # type: ignore[no-untyped-def]
    assert held.result(**told).status_code == 200
    session.refresh(task)
    assert (task.status, task.reason, task.exit_code) == (status, reason, told["exit_code"])


def test_what_databases_cannot_hold_does_no_harm(held: Held, task: Task, session: Session) -> None:
    assert held.result(1, error="nul \0 and half \ud800", result={"a\0": [1, "\0"]}).status_code == 200
    session.refresh(task)
    assert "\0" not in task.error and task.result == {"a\N{REPLACEMENT CHARACTER}": [1, "\N{REPLACEMENT CHARACTER}"]}


def test_a_result_that_is_no_object_is_kept_as_a_value(held: Held, task: Task, session: Session) -> None:
    held.result(result=[1, 2])
    session.refresh(task)
    assert task.result == {"value": [1, 2]}


def test_a_result_that_is_too_large_is_refused(held: Held) -> None:
    assert code(held.result(result="x" * (p.MAX_RESULT + 1))) == (413, "too_large")
    assert held.result().json == {"accepted": True}


@pytest.mark.parametrize(
    "body", [b"", b"[", b"null", b'{"exit_code": NaN}', b"[" * 100_000, b"\xff\xfe", b'{"exit_code":1e999}']
)
def test_a_body_that_is_no_message_is_refused(held: Held, body: bytes) -> None:
    assert code(held.call("PUT", "result", data=body)) == (422, "bad_message")


def test_a_body_beyond_the_limit_is_refused(held: Held) -> None:
    assert code(held.call("PUT", "result", data=b" " * (p.MAX_BODY + 1))) == (413, "too_large")


# --- late ---------------------------------------------------------------------------------------------------


def lost(task: Task, session: Session) -> None:
    session.refresh(task)
    tasks.lose(task, SYSTEM, clock.now())
    session.commit()


def test_a_late_result_is_the_truth_where_failure_was_only_inferred(held: Held, task: Task, session: Session) -> None:
    held.log(b"hello")
    lost(task, session)
    assert (task.status, task.reason, task.outcome_known) == ("failed", "agent_offline", False)
    assert held.log(b" world").status_code == 202  # what came meanwhile belongs to it, too
    assert held.result().json == {"accepted": "late"}
    session.refresh(task)
    assert (task.status, task.late, task.stdout_size) == ("completed", True, 11)
    assert session.query(LateResult).one().resolved
    assert held.result().json == {"accepted": "late"}


def test_a_late_result_waits_for_its_output_as_well(held: Held, task: Task, session: Session) -> None:
    lost(task, session)
    assert code(held.result(sizes={"stdout": 4, "stderr": 0, "index": 0})) == (412, "incomplete")


def test_a_late_result_stops_the_retry_that_waits(caller: Caller, session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": ["web-1"]}, max_retries=2, retry_on=["agent_offline"])[0]
    held = caller.started()
    lost(task, session)
    retry = session.query(Task).filter_by(original_task_id=task.id).one()
    assert (retry.status, retry.retry_number) == ("scheduled", 1)
    assert held.result().json == {"accepted": "late"}
    session.refresh(retry), session.refresh(task)
    assert (retry.status, task.status, task.latest) == ("cancelled", "completed", True)


def test_once_a_retry_has_started_a_late_result_is_evidence(caller: Caller, session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": ["web-1"]}, max_retries=1, retry_on=["agent_offline"])[0]
    held = caller.started()
    lost(task, session)
    retry = session.query(Task).filter_by(original_task_id=task.id).one()
    tasks.release(retry, SYSTEM, clock.now())
    session.commit()
    again = caller.started()
    assert held.result().json == {"accepted": "late"}
    assert again.result().json == {"accepted": True}
    session.refresh(task)
    assert task.status == "failed" and not session.query(LateResult).one().resolved


def test_a_late_word_of_an_older_lease_changes_nothing(caller: Caller, task: Task, session: Session) -> None:
    old = caller.take()
    old.give_back()
    new = caller.started()
    lost(task, session)
    assert old.result().json == {"accepted": "late"}
    session.refresh(task)
    assert task.status == "failed"
    assert new.result().json == {"accepted": "late"}
    session.refresh(task)
    assert task.status == "completed"


def test_a_word_that_meets_the_move_that_gives_the_task_up_is_believed(
    app: Flask, held: Held, task: Task, session: Session
) -> None:
    number = task.id
    session.rollback()
    with ThreadPoolExecutor(1) as pool:
        with unit(app, "caretaker") as other:
            tasks.lose(other.get_one(Task, number), SYSTEM, clock.now())
            answer = pool.submit(held.result)
            until(lambda: dialect() == "sqlite" or answer.done() or waits(other))
        assert answer.result().json == {"accepted": "late"}
    session.refresh(task)
    assert (task.status, task.late) == ("completed", True)


def waits(session: Session) -> bool:
    return bool(session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_evidence_is_bounded(held: Held, task: Task, session: Session) -> None:
    held.result()
    answers = [held.result(number) for number in range(1, EVIDENCE_KEPT + 5)]
    assert code(answers[-1]) == (409, "different")
    assert session.query(LateResult).count() == EVIDENCE_KEPT


def test_that_nothing_ran_is_no_news_to_a_task_that_has_moved_on(caller: Caller, task: Task, session: Session) -> None:
    held = caller.take()
    session.refresh(task)
    tasks.cancel(task, SYSTEM, clock.now())
    assert code(held.fail()) == (409, "stale")
    assert code(held.cancelled()) == (409, "stale")


def test_a_stop_that_is_confirmed_late_is_the_truth(held: Held, task: Task, session: Session) -> None:
    lost(task, session)
    assert held.cancelled().status_code == 200
    session.refresh(task)
    assert (task.status, task.late) == ("terminated", True)


# --- silence ------------------------------------------------------------------------------------------------


def test_silence_fails_what_has_started_after_three_minutes(
    app: Flask, held: Held, task: Task, session: Session
) -> None:
    def sweep_at(seconds: int) -> str:
        with unit(app, "test"):
            sweep.flag_unreachable(begun + timedelta(seconds=seconds))
            sweep.lose_agents(begun + timedelta(seconds=seconds))
        session.refresh(task)
        return task.status

    session.refresh(task)
    begun = task.lease_until - timedelta(seconds=60)
    session.commit()
    assert sweep_at(61) == "executing" and task.unreachable_at is not None
    session.commit()
    assert sweep_at(179) == "executing"
    session.commit()
    assert sweep_at(181) == "failed"
    assert (task.reason, task.exit_code) == ("agent_offline", 261)


def test_a_revoked_agents_tasks_are_lost_at_once(
    app: Flask, held: Held, task: Task, agent: Agent, session: Session
) -> None:
    waiting = made.command(task.organization_id, {"agents": ["web-1"]})[0]
    lifecycle.revoke(agent, SYSTEM, clock.now())
    session.commit()
    with unit(app, "test"):
        assert sweep.lose_removed_agents(clock.now()) == 2
    session.refresh(task), session.refresh(waiting)
    assert (task.status, task.reason) == ("failed", "agent_offline")
    assert waiting.status == "cancelled"
