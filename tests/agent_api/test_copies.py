"""Two processes of one agent: until it is known whether the one before lives, the other is not heard about its tasks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller, Held
from tests.agent_api.site import PATIENCE, Host, Server
from tests.agent_api.site import server as server  # fixture
from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import until
from webapp import clock
from webapp.agents import copies, enrolment, lifecycle
from webapp.agents.models import Agent
from webapp.config import Settings
from webapp.events import SYSTEM, Event
from webapp.tasks.log import output
from webapp.tasks.models import LateResult, Task
from workers.agent import exits

WAIT = (425, "unproven")


@pytest.fixture
def task(caller: Caller, session: Session, cast: Cast) -> Task:
    return made.command(cast.acme, {"agents": ["web-1"]}, "echo hello")[0]


@pytest.fixture
def held(caller: Caller, task: Task, pass_time) -> Held:  # type: ignore[no-untyped-def]
    found = caller.started()
    pass_time(timedelta(seconds=5))
    return found


def code(answer) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    return answer.status_code, answer.json["code"]


def test_a_new_process_is_not_heard_about_what_the_one_before_may_run(
    caller: Caller, held: Held, task: Task, session: Session, pass_time
) -> None:  # type: ignore[no-untyped-def]
    first, caller.instance_id = caller.instance_id, "copy"
    caller.beat()
    said = [
        held.log(b"bye"),
        held.result(261, outcome_known=False),
        held.fail(),
        held.give_back(),
        held.leave("a", b"b"),
    ]
    assert [code(answer) for answer in said] == [WAIT] * 5
    caller.instance_id = first
    assert held.log(b"hello\n").status_code == 202
    assert held.result().json == {"accepted": True}
    session.refresh(task)
    assert (task.status, task.exit_code, task.stdout_size) == ("completed", 0, 6)


def test_when_the_one_before_has_shown_no_life_the_new_one_is_heard(caller: Caller, held: Held, pass_time) -> None:  # type: ignore[no-untyped-def]
    caller.instance_id = "second"
    caller.beat()
    assert held.log(b"hello\n").status_code == 425
    pass_time(copies.TRIAL)
    assert held.log(b"hello\n").status_code == 202


def test_one_that_knows_that_the_one_before_is_gone_is_heard_at_once(caller: Caller, held: Held) -> None:
    first, caller.instance_id = caller.instance_id, "second"
    assert caller.beat(continues=["of which no beat came", first]).json["interval_s"] == 15
    assert held.log(b"hello\n").status_code == 202


def test_before_its_first_beat_nobody_is_heard(caller: Caller, held: Held) -> None:
    caller.instance_id = "second"
    assert (code(held.log(b"hello\n")), code(caller.claim())) == (WAIT, WAIT)


def test_only_the_newest_is_given_tasks_and_only_it_is_heard_about_those(
    caller: Caller, held: Held, session: Session, cast: Cast
) -> None:
    made.command(cast.acme, {"agents": ["web-1"]}, "echo more")
    first, caller.instance_id = caller.instance_id, "copy"
    caller.beat()
    caller.instance_id = first
    assert code(caller.claim()) == WAIT
    caller.instance_id = "copy"
    more = caller.started()
    caller.instance_id = first
    assert (code(more.log(b"hello\n")), held.log(b"hello\n").status_code) == (WAIT, 202)


def test_a_word_that_is_only_evidence_does_not_speak_of_the_stored_output(
    caller: Caller, held: Held, task: Task, session: Session
) -> None:
    held.log(b"hello\n")
    assert held.result().json == {"accepted": True}
    held.sent["stdout"] = b"hel"
    assert held.result(261, outcome_known=False, reason="agent_offline").json == {"accepted": "late"}
    assert session.query(LateResult).count() == 1
    assert not session.query(Event).filter_by(kind="task.output_differs").count()


# --- real agents --------------------------------------------------------------------------------------------


@pytest.fixture
def host(server: Server, session: Session, cast: Cast, tmp_path: Path) -> Iterator[Host]:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now())
    session.commit()
    found = Host(server, tmp_path, text)
    yield found
    found.end()


def the_agent(session: Session) -> Agent:
    session.rollback()
    session.expire_all()
    return session.query(Agent).filter(Agent.last_seen_at.is_not(None)).one()


def test_a_copy_of_an_agent_changes_nothing_of_what_the_agent_runs(
    host: Host, session: Session, cast: Cast, settings: Settings, tmp_path: Path, database_kind: str
) -> None:
    """With one database on the same host, with the other on one of its own: it takes its time, and it is the agent's part
    that differs."""
    gate, work = tmp_path / "gate", host.work
    until(lambda: session.rollback() or session.query(Agent).filter(Agent.last_seen_at.is_not(None)).count(), PATIENCE)
    line = f"echo begin; until [ -e {gate} ]; do sleep 0.1; done; echo end"
    (task,) = made.command(cast.acme, {"agents": "anyone"}, line)
    session.commit()
    until(lambda: session.refresh(task) or session.commit() or task.stdout_size, PATIENCE)
    host.work = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(work), str(host.work)], check=True)
    if database_kind == "postgres":
        (path,) = host.work.glob("tasks/*/task.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"boot_id": "another"}))
    copy = host.start()
    assert [process.wait(PATIENCE) for process in (copy, host.process)] == [exits.SESSION_CONFLICT] * 2
    session.refresh(task)
    assert task.status == "executing" or "stopped reporting" in task.error  # the quarantine may have given it up by now
    lifecycle.enable(the_agent(session), SYSTEM, clock.now())
    session.commit()
    host.work = work
    host.process = host.start()
    gate.touch()
    until(lambda: session.refresh(task) or session.commit() or task.status == "completed", PATIENCE)
    assert (task.status, task.exit_code, task.lease_seq) == ("completed", 0, 1)
    assert output.read(output.folder(settings.data, task.uuid), "stdout") == b"begin\nend\n"
    late = session.query(LateResult)  # where the quarantine had given it up meanwhile
    assert {each.body["exit_code"] for each in late} <= {0}
