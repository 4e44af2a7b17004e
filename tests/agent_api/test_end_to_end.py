"""The real server and the real agent program, each in processes of its own, over loopback.

One server and one agent see all of it: to start them costs more than all that they do here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.agent_api.site import PATIENCE, Host, Server
from tests.agent_api.site import server as server  # fixture
from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import alive, until
from webapp import clock
from webapp.agents import enrolment, lifecycle
from webapp.agents.models import Agent
from webapp.config import Settings
from webapp.events import SYSTEM
from webapp.library import lifecycle as library
from webapp.tasks import lifecycle as tasks
from webapp.tasks.log import output
from webapp.tasks.models import Task
from workers.agent import exits


@pytest.fixture
def host(server: Server, session: Session, cast: Cast, tmp_path: Path) -> Iterator[Host]:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), approval=True)
    session.commit()
    made = Host(server, tmp_path, text)
    yield made
    made.end()


@pytest.fixture
def agent(host: Host, session: Session) -> Agent:
    def seen() -> Agent | None:
        found = session.query(Agent).filter(Agent.last_seen_at.is_not(None)).one_or_none()
        session.commit()
        return found

    return until(seen, PATIENCE)  # type: ignore[return-value]


def command(session: Session, agent: Agent, line: str) -> Task:
    task = made.command(agent.organization_id, {"agents": [agent.uuid]}, line)[0]
    session.commit()
    return task


def becomes(session: Session, task: Task, *statuses: str) -> None:
    """Looks and lets go: an open transaction would keep the server from writing."""

    def there() -> bool:
        session.refresh(task)
        session.commit()
        return task.status in statuses

    until(there, PATIENCE)


def test_what_an_agent_lives_through(
    server: Server, host: Host, agent: Agent, session: Session, settings: Settings, tmp_path: Path
) -> None:
    it_waits_until_it_is_approved(host, agent, session)
    a_command_runs_to_its_end(agent, session, settings)
    a_signed_test_runs_to_its_outcome(agent, session, settings)
    a_stop_reaches_what_left_its_session(agent, session, tmp_path)
    a_restart_of_the_server_fails_nothing(server, agent, session, settings, tmp_path)
    a_revoked_agent_stops(host, agent, session)


def it_waits_until_it_is_approved(host: Host, agent: Agent, session: Session) -> None:
    task = command(session, agent, "true")
    status = host.work / "status.json"
    until(lambda: status.exists() and json.loads(status.read_text())["paused"], PATIENCE)
    session.refresh(task)
    assert task.status == "pending"
    lifecycle.approve(agent, SYSTEM, clock.now())
    session.commit()
    becomes(session, task, "completed")


def a_command_runs_to_its_end(agent: Agent, session: Session, settings: Settings) -> None:
    task = command(session, agent, "echo hello; echo trouble >&2; exit 3")
    becomes(session, task, "failed")
    assert (task.exit_code, task.reason) == (3, "exit_code")
    folder = output.folder(settings.data, task.uuid)
    assert (output.read(folder, "stdout"), output.read(folder, "stderr")) == (b"hello\n", b"trouble\n")


def a_signed_test_runs_to_its_outcome(agent: Agent, session: Session, settings: Settings) -> None:
    library.add_examples(settings, agent.organization_id, SYSTEM, clock.now())
    session.commit()
    body = {"type": "execute_test", "data": {"test": "world-writable-path"}, "target": {"agents": "anyone"}}
    (task,) = made.launched(agent.organization_id, body)
    becomes(session, task, "completed")
    assert task.outcome in ("protected", "unprotected")
    assert [to for _, to in made.moves(task)][-5:] == ["assigned", "downloading", "executing", "reporting", "completed"]
    session.commit()


def a_stop_reaches_what_left_its_session(agent: Agent, session: Session, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {mark}; exec sleep 600' & sleep 600"
    task = command(session, agent, line)
    pid = until(lambda: mark.exists() and mark.read_text().strip() and int(mark.read_text()), PATIENCE)
    becomes(session, task, "executing")
    tasks.cancel(task, SYSTEM, clock.now())
    session.commit()
    becomes(session, task, "terminated")
    assert task.outcome_known and not alive(pid)


def a_restart_of_the_server_fails_nothing(
    server: Server, agent: Agent, session: Session, settings: Settings, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    line = f"echo before; while [ ! -e {go} ]; do sleep 0.1; done; echo after"
    task = command(session, agent, line)
    becomes(session, task, "executing")
    server.take_web_away()
    go.touch()  # it ends while nobody listens
    server.bring_web_back()
    becomes(session, task, "completed")
    assert output.read(output.folder(settings.data, task.uuid), "stdout") == b"before\nafter\n"
    assert task.retry_number == 0 and not task.late


def a_revoked_agent_stops(host: Host, agent: Agent, session: Session) -> None:
    task = command(session, agent, "sleep 600")
    becomes(session, task, "executing")
    session.refresh(agent)
    lifecycle.revoke(agent, SYSTEM, clock.now(), "Stolen")
    session.commit()
    assert host.process.wait(PATIENCE) == exits.NOT_ALLOWED
    becomes(session, task, "failed")
    assert task.reason == "agent_offline"
