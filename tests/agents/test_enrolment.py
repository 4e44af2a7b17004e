"""How hosts become agents: once per use of a token, and without a token not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import CAPABILITIES
from tests.cast import Cast
from webapp import clock
from webapp.agents import credentials, enrolment, lifecycle
from webapp.agents.enrolment import Enrolled, TokenRefused
from webapp.agents.models import Agent, AgentTag, EnrolmentToken
from webapp.db import unit
from webapp.events import SYSTEM, Event
from webapp.refusal import Refused
from workers.agent.protocol import EnrolRequest


def request(token: str, hostname: str = "web-1", install_id: str = "", **more: Any) -> EnrolRequest:
    told: dict[str, Any] = {
        "os": "linux", "arch": "amd64", "agent_version": "0.1.0", "protocol": [1], "user": "root",
        "capabilities": CAPABILITIES,
    }  # fmt: skip
    return EnrolRequest(token=token, install_id=install_id or uuid4().hex, hostname=hostname, **told | more)


@pytest.fixture
def token(session: Session, cast: Cast) -> str:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), tags=["prod"])
    session.commit()
    return text


def enrol(asked: EnrolRequest, address: str = "10.1.2.3") -> Enrolled:
    return enrolment.enrol(asked, address, clock.now())


def test_a_host_gets_a_key_and_the_tags_of_its_token(session: Session, cast: Cast, token: str) -> None:
    agent, key = enrol(request(token, tags=["web"]))
    assert credentials.find(key, clock.now()).agent.id == agent.id  # type: ignore[union-attr]
    assert (agent.organization_id, agent.hostname, agent.platform) == (cast.acme, "web-1", "linux/amd64")
    assert agent.tags == ["prod", "web"]
    assert {row.tag for row in session.query(AgentTag)} == {"prod", "web"}
    assert session.query(Event).filter_by(kind="agent.enrolled").one().actor == "web-1"


def test_neither_token_nor_key_is_stored(session: Session, token: str) -> None:
    agent, key = enrol(request(token))
    stored = repr([vars(row) for row in (agent, session.query(EnrolmentToken).one())])
    assert token.split("_", 2)[2] not in stored and key.split("_", 2)[2] not in stored


def test_a_hundred_at_once_with_a_token_for_one(app: Flask, session: Session, token: str) -> None:
    session.commit()

    def ask(number: int) -> bool:
        with unit(app, "test"):
            try:
                enrol(request(token, f"host-{number}"))
                return True
            except TokenRefused:
                return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(100))) == 1
    assert session.query(Agent).count() == 1


@pytest.mark.parametrize("wrong", ["", "enr_", "enr_unknown1_secret", "tok_1_x", "enr_ünknown_x"])
def test_an_unknown_token_lets_nobody_in(session: Session, wrong: str) -> None:
    with pytest.raises(TokenRefused):
        enrol(request(wrong))


def test_a_guessed_secret_lets_nobody_in(token: str) -> None:
    with pytest.raises(TokenRefused):
        enrol(request(token[:-3] + "abc"))


def test_an_expired_or_revoked_token_lets_nobody_in(session: Session, cast: Cast, pass_time) -> None:  # type: ignore[no-untyped-def]
    old, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now())
    revoked, row = enrolment.create_token(cast.acme, SYSTEM, clock.now(), expires_in=timedelta(days=2))
    enrolment.revoke_token(row, SYSTEM, clock.now())
    pass_time(timedelta(hours=2))
    for text in (old, revoked):
        with pytest.raises(TokenRefused):
            enrol(request(text))


def test_a_token_may_be_bound_to_a_network(session: Session, cast: Cast) -> None:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), network="10.0.0.0/8", max_uses=5)
    with pytest.raises(TokenRefused):
        enrol(request(text), "192.0.2.1")
    assert enrol(request(text), "10.9.9.9").agent.address == "10.9.9.9"


def test_a_lost_answer_costs_no_second_use(session: Session, token: str) -> None:
    asked = request(token, install_id="one")
    first, second = enrol(asked), enrol(asked)
    assert first.agent.id == second.agent.id
    assert session.query(EnrolmentToken).one().uses == 1
    # Whichever answer arrived is good; the first use of the second makes it the only one.
    assert credentials.find(first.credential, clock.now()) and credentials.find(second.credential, clock.now()).fresh  # type: ignore[union-attr]


def test_after_ten_minutes_a_spent_token_is_spent(session: Session, token: str, pass_time) -> None:  # type: ignore[no-untyped-def]
    enrol(request(token, install_id="one"))
    pass_time(timedelta(minutes=11))
    with pytest.raises(TokenRefused):
        enrol(request(token, install_id="one"))


def test_a_host_that_enrols_again_is_still_the_same_agent(session: Session, cast: Cast, token: str) -> None:
    first = enrol(request(token, install_id="one"))
    another, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), tags=["new"])
    second = enrol(request(another, install_id="one"))
    assert second.agent.id == first.agent.id
    assert second.agent.tags == ["new", "prod"]
    assert credentials.find(first.credential, clock.now()) is None
    assert credentials.find(second.credential, clock.now()) is not None


def test_copies_of_an_image_are_agents_of_their_own(session: Session, cast: Cast) -> None:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), max_uses=2)
    ids = {enrol(request(text, name, install_id="baked-in")).agent.id for name in ("clone-1", "clone-2")}
    assert len(ids) == 2


def test_a_revoked_host_comes_back_as_another_agent(session: Session, cast: Cast) -> None:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), max_uses=2)
    first = enrol(request(text, install_id="one"))
    lifecycle.revoke(first.agent, SYSTEM, clock.now())
    assert enrol(request(text, install_id="one")).agent.id != first.agent.id


def test_what_a_host_says_of_itself_is_cleaned(token: str) -> None:
    agent, _ = enrol(
        request(token, "evil\n\x1b[31m<b>" + "x" * 300, tags=["ok", "<script>", ""], capabilities=["fly", "plugin"])
    )
    assert agent.hostname.startswith("evil___31m_b_x") and len(agent.hostname) == 255
    assert agent.tags == ["ok", "prod"] and agent.capabilities == ["plugin"]


@pytest.mark.parametrize("wrong", [{"max_uses": 0}, {"max_uses": 1001}, {"expires_in": timedelta(days=31)},
                                   {"network": "everywhere"}, {"tags": ["a,b"]}])  # fmt: skip
def test_a_token_that_makes_no_sense_is_refused(session: Session, cast: Cast, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        enrolment.create_token(cast.acme, SYSTEM, clock.now(), **wrong)
