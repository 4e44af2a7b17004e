"""Keys of agents: nobody gets in without one, and one opens its own organisation's and its own tasks only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller
from tests.agent_api.conftest import Enrolled
from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.agents import lifecycle
from webapp.agents.models import Agent
from webapp.events import SYSTEM, Event

OPEN = {"agent_session.enrol", "agent_session.describe"}
IDS = {"task_id": "17fa8cdb-7ab2-4690-bc88-af756630fb5a", "number": 1, "download_id": "x"}
WRONG = [
    "",
    "agt_1_wrong",
    "agt_x_y",
    "agt_9999999999999999999999_a",
    "agt_",
    "tok_1_abc",
    "agt_1",
    "Ünïcode",
    "agt_²_a",
]


def routes(app: Flask) -> list[tuple[str, str]]:
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/agent/v1/") and rule.endpoint not in OPEN
    ]
    return [
        (method, str(rule.build({name: IDS[name] for name in rule.arguments}, append_unknown=False)[1]))  # type: ignore[index]
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def test_every_route_wants_a_key(app: Flask, client: Browser) -> None:
    assert len(routes(app)) > 10
    for method, path in routes(app):
        answer = Caller(client).call(method, path)
        assert (answer.status_code, answer.json["code"]) == (401, "revoked"), (method, path)


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_key_is_told_nothing(caller: Caller, key: str) -> None:
    caller.credential = key.encode().decode("latin-1")
    answer = caller.beat()
    assert answer.status_code == 401
    assert answer.json["detail"] == "This key opens nothing here"


def test_a_persons_session_opens_nothing_here(client: Browser) -> None:
    assert Caller(client.login("sid")).claim().status_code == 401


def test_an_agents_key_opens_nothing_elsewhere(caller: Caller) -> None:
    assert caller.call("GET", "/api/v1/tasks/").status_code == 401
    assert caller.call("GET", "/tasks").status_code in (302, 401)


def test_another_agents_task_is_not_there(enrolled: Enrolled, session: Session, cast: Cast) -> None:
    mine, other = enrolled(hostname="mine"), enrolled(hostname="other")
    made.command(cast.acme, {"agents": ["mine"]})
    held = mine.started()
    held.caller = other
    answers = [
        held.start(), held.give_back(), held.status("reporting", 0), held.log(b"x"), held.leave("a", b"a"),
        held.result(), held.fail(), held.cancelled(),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}


def test_a_foreign_organisations_task_is_not_there(enrolled: Enrolled, session: Session, cast: Cast) -> None:
    mine, theirs = enrolled(hostname="mine"), enrolled("globex", hostname="theirs")
    made.command(cast.acme, {"agents": "anyone"})
    assert theirs.claim().status_code == 204
    held = mine.started()
    held.caller = theirs
    assert held.result().status_code == 404


def test_a_revoked_key_is_void_at_once(caller: Caller, agent: Agent, session: Session) -> None:
    lifecycle.revoke(agent, SYSTEM, clock.now(), "Host was stolen")
    for answer in (caller.beat(), caller.claim()):
        assert (answer.status_code, answer.json["code"]) == (401, "revoked")


def test_a_rotated_key_is_the_only_one_once_it_is_used(caller: Caller, agent: Agent, session: Session) -> None:
    new = caller.call("POST", "/agent/v1/credential/rotate").json["credential"]
    assert caller.beat().status_code == 200  # the old one, until then
    old, caller.credential = caller.credential, new
    assert caller.beat().status_code == 200
    caller.credential = old
    assert caller.beat().status_code == 401
    assert session.query(Event).filter_by(kind="agent.key_rotated", subject_id=agent.id).count() == 1


def test_a_lost_answer_to_a_rotation_costs_nothing(caller: Caller) -> None:
    keys = [caller.call("POST", "/agent/v1/credential/rotate").json["credential"] for _ in range(2)]
    caller.credential = keys[0]
    assert caller.beat().status_code == 200
    caller.credential = keys[1]
    assert caller.beat().status_code == 401


def test_a_key_that_is_not_used_ends_after_a_day(caller: Caller, pass_time) -> None:  # type: ignore[no-untyped-def]
    new = caller.call("POST", "/agent/v1/credential/rotate").json["credential"]
    pass_time(timedelta(hours=25))
    assert caller.beat().status_code == 200
    caller.credential = new
    assert caller.beat().status_code == 401


def test_old_keys_are_rotated_by_heartbeat(caller: Caller, pass_time) -> None:  # type: ignore[no-untyped-def]
    assert caller.beat().json["commands"] == []
    pass_time(timedelta(days=20, seconds=1))
    assert [command["kind"] for command in caller.beat().json["commands"] if command["kind"] != "root"] == ["rotate"]
    caller.credential = caller.call("POST", "/agent/v1/credential/rotate").json["credential"]
    assert "rotate" not in [command["kind"] for command in caller.beat().json["commands"]]


def test_an_unknown_version_of_the_protocol_is_told_what_to_install(caller: Caller) -> None:
    answer = caller.call("POST", "/agent/v1/claim", {}, headers={"X-Muster-Protocol": "99"})
    assert (answer.status_code, answer.json["code"], answer.json["required"]) == (426, "upgrade", "0.1.0")


def test_an_agent_that_left_is_not_let_in(caller: Caller, agent: Agent, session: Session) -> None:
    assert caller.call("POST", "/agent/v1/unenrol", {}).status_code == 204
    assert caller.beat().status_code == 401
    session.refresh(agent)
    assert agent.state == "uninstalled"
