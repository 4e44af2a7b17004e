"""The server goes away again and again while hosts work: what they were given runs once, and all of it is heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.agent_api.site import PATIENCE, Host, Server
from tests.agent_api.site import server as server  # fixture
from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import until
from webapp import clock
from webapp.agents import enrolment
from webapp.agents.models import Agent
from webapp.config import Settings
from webapp.events import SYSTEM
from webapp.tasks.log import output
from webapp.tasks.models import Task

HOSTS = 3
TASKS = 50
RESTARTS = 20
LONGER = 600  # for all of them, on a machine that has other things to do


@pytest.fixture
def hosts(server: Server, session: Session, cast: Cast, tmp_path: Path) -> Iterator[list[Host]]:
    """Three agents of one machine, each in a folder of its own."""
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), max_uses=HOSTS)
    session.commit()
    found: list[Host] = []
    try:
        for number in range(HOSTS):
            folder = tmp_path / f"host-{number}"
            folder.mkdir()
            found.append(Host(server, folder, text, (f"host-{number}",)))
        until(lambda: len(heard(session)) == HOSTS, PATIENCE)
        yield found
    finally:
        for host in found:
            host.end()


def heard(session: Session) -> list[Agent]:
    found = session.query(Agent).filter(Agent.last_seen_at.is_not(None)).all()
    session.commit()
    return found


def settled(session: Session, tasks: list[Task]) -> bool:
    session.expire_all()
    ended = all(task.final for task in tasks)
    session.commit()
    return ended


def test_a_server_that_restarts_twenty_times_fails_none_of_fifty_tasks(
    server: Server, hosts: list[Host], session: Session, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    agents = [agent.uuid for agent in heard(session)]
    tasks = [
        made.command(cast.acme, {"agents": [agents[number % HOSTS]]}, f"echo {number} >>{ledger}; sleep 4; echo {number} done")[0]
        for number in range(TASKS)
    ]  # fmt: skip
    session.commit()  # of the look at the last one: on SQLite the server could write nothing through all the restarts
    for number in range(RESTARTS):
        server.take_web_away(hard=number % 2 == 1)
        server.bring_web_back()
    until(lambda: settled(session, tasks), LONGER)
    assert {(task.status, task.exit_code, task.retry_number) for task in tasks} == {("completed", 0, 0)}
    assert sorted(map(int, ledger.read_text().split())) == list(range(TASKS))
    for number, task in enumerate(tasks):
        assert output.read(output.folder(settings.data, task.uuid), "stdout") == f"{number} done\n".encode()


def test_all_of_them_run_what_is_meant_for_all(hosts: list[Host], session: Session, cast: Cast) -> None:
    tasks = made.command(cast.acme, {"agents": "all"}, "echo here")
    until(lambda: settled(session, tasks), PATIENCE)
    assert {task.status for task in tasks} == {"completed"} and len({task.agent_id for task in tasks}) == HOSTS


def test_a_host_that_is_cut_off_brings_its_result_when_it_is_back(
    server: Server, hosts: list[Host], session: Session, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    """Its network is away for the whole end of the task, and so is the agent's own process for a while."""
    go = tmp_path / "go"
    agent = heard(session)[0]
    (task,) = made.command(cast.acme, {"agents": [agent.uuid]}, f"while [ ! -e {go} ]; do sleep 0.1; done; echo after")
    until(lambda: session.refresh(task) or session.commit() or task.status == "executing", PATIENCE)
    server.take_web_away(hard=True)
    mine = next(host for host in hosts if agent.uuid in (host.work / "agent.json").read_text())
    mine.process.kill()
    mine.process.wait(60)
    go.touch()
    mine.process = mine.start()
    server.bring_web_back()
    until(lambda: settled(session, [task]), PATIENCE)
    assert (task.status, task.exit_code, task.retry_number) == ("completed", 0, 0)
    assert output.read(output.folder(settings.data, task.uuid), "stdout") == b"after\n"
