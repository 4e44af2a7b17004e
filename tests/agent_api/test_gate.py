"""Idle agents: their beats and claims cost no look into the database, and nothing new is ever hidden by that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller
from tests.agent_api.conftest import Enrolled
from tests.cast import Cast
from tests.tasks import made
from webapp import clock, queue
from webapp.agents import beats, facts, lifecycle, quiet, sweep
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.db import db
from webapp.events import SYSTEM
from webapp.library.signing import Signing
from webapp.security import HEADERS
from webapp.tasks import wake
from webapp.tasks.models import Task
from workers.agent import protocol as p


@pytest.fixture
def idle(caller: Caller) -> Caller:
    """Known to the broker: it has beaten once since it was noted, while somebody carries beats."""
    queue.put(beats.CARRIED, 1, 60)
    assert caller.beat().status_code == 200
    return caller


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_more) -> None:  # type: ignore[no-untyped-def]
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def test_an_idle_beat_asks_the_database_nothing(idle: Caller) -> None:
    with statements() as seen:
        answers = [idle.beat(load=load) for load in (0.1, 0.2, 0.3)]
    assert seen == [] and [answer.status_code for answer in answers] == [200] * 3


def test_it_answers_as_the_view_does(idle: Caller) -> None:
    quick = idle.beat()
    queue.delete(beats.CARRIED)
    slow = idle.beat()
    told = [{**answer.json, "server_time": "", "wake": answer.json["wake"]["url"]} for answer in (quick, slow)]
    assert told[0] == told[1]
    assert all(quick.headers[name] == slow.headers[name] for name in HEADERS)


def test_a_quick_beat_is_carried_into_the_row(idle: Caller, agent: Agent, session: Session) -> None:
    idle.beat(load=0.9, spool=3)
    beats.carry(clock.now())
    session.commit()
    session.refresh(agent)
    assert (agent.load, agent.spooled) == (0.9, 3)


def test_an_idle_claim_asks_the_database_once(idle: Caller) -> None:
    assert idle.claim().status_code == 204
    with statements() as seen:
        assert [idle.claim().status_code for _ in range(3)] == [204] * 3
    assert seen == []


@pytest.mark.parametrize("target", ["named", "anyone", "all"])
def test_what_is_queued_is_found_at_once(idle: Caller, cast: Cast, target: str) -> None:
    idle.claim()
    made.command(cast.acme, {"agents": ["web-1"] if target == "named" else target})
    assert len(idle.claim().json["tasks"]) == 1
    assert idle.claim().status_code == 204


def test_what_comes_back_into_the_queue_is_found_at_once(
    idle: Caller, enrolled: Enrolled, session: Session, cast: Cast
) -> None:
    other = enrolled(hostname="web-2")
    task = made.command(cast.acme, {"agents": "anyone"})[0]
    held = other.take()
    assert idle.claim().status_code == 204
    held.give_back()
    assert [raw["task_id"] for raw in idle.claim().json["tasks"]] == [task.uuid]


def test_another_agents_work_wakes_nobody_else(idle: Caller, enrolled: Enrolled, cast: Cast) -> None:
    enrolled(hostname="web-2")
    idle.claim()
    made.command(cast.acme, {"agents": ["web-2"]})
    with statements() as seen:
        assert idle.claim().status_code == 204
    assert seen == []


def test_a_lost_answer_is_given_again(idle: Caller, session: Session, cast: Cast) -> None:
    idle.claim()
    made.command(cast.acme, {"agents": ["web-1"]})
    first = idle.claim(claim_id="once").json
    idle.claim()
    again = idle.claim(claim_id="once").json
    assert [raw["token"] for raw in first["tasks"]] == [raw["token"] for raw in again["tasks"]]


def test_a_task_for_anyone_sends_others_looking_only_until_it_is_taken(
    idle: Caller, enrolled: Enrolled, cast: Cast
) -> None:
    others = [enrolled(hostname=f"web-{number}") for number in (2, 3, 4)]
    for other in others:
        other.claim()
    made.command(cast.acme, {"agents": "anyone"})
    assert others[0].claim().status_code == 200
    assert others[1].claim().status_code == 204  # this one looked
    with statements() as seen:
        assert others[2].claim().status_code == 204
    assert seen == []
    made.command(cast.acme, {"agents": "anyone"})
    assert others[2].claim().status_code == 200


@pytest.mark.parametrize("target", ["named", "anyone"])
def test_what_was_queued_while_the_broker_was_away_is_said_again(
    idle: Caller, agent: Agent, cast: Cast, pass_time, target: str
) -> None:  # type: ignore[no-untyped-def]
    made.command(cast.acme, {"agents": ["web-1"] if target == "named" else target})
    quiet.looked(agent.id, cast.acme, lambda: (False, False))  # as if the word had been lost after this look
    assert idle.claim().status_code == 204
    pass_time(timedelta(seconds=6))
    wake.say_again(clock.now())
    assert len(idle.claim().json["tasks"]) == 1


def test_a_look_that_fails_leaves_no_mark(cast: Cast) -> None:
    def broken() -> tuple[bool, bool]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        quiet.looked(7, cast.acme, broken)
    assert queue.ask(lambda r: list(r.scan_iter("muster:claim:7:none")), None) == []


@pytest.mark.parametrize("act", ["revoke", "decommission", "leave"])
def test_one_that_is_shut_out_is_out_at_its_next_request(
    idle: Caller, agent: Agent, session: Session, act: str
) -> None:
    idle.claim()
    getattr(lifecycle, act)(agent, SYSTEM, clock.now())
    session.commit()
    assert (idle.beat().status_code, idle.claim().status_code) == (401, 401)


def test_also_where_the_broker_was_away_when_it_was_shut_out(idle: Caller, agent: Agent, session: Session) -> None:
    kept = queue.get(facts.key(agent.id))
    count = queue.get(facts.count_key(agent.id))
    lifecycle.revoke(agent, SYSTEM, clock.now())
    session.commit()
    queue.put(facts.count_key(agent.id), count or b"0")  # as if it had not been raised
    assert kept and idle.beat().status_code == 200
    beats.carry(clock.now())
    assert idle.beat().status_code == 401


def test_a_quarantine_is_told_at_once(idle: Caller, agent: Agent, session: Session) -> None:
    lifecycle.quarantine(agent, SYSTEM, clock.now(), "Two copies")
    session.commit()
    assert idle.beat().status_code == 409


def test_a_pause_is_told_at_once(idle: Caller, agent: Agent, session: Session, cast: Cast) -> None:
    lifecycle.pause(agent, SYSTEM, clock.now())
    session.commit()
    for _ in range(2):
        assert idle.beat().json["settings"]["paused"] is True
        assert idle.claim().status_code == 204


def test_one_that_is_not_approved_is_told_to_wait_until_it_is(idle: Caller, agent: Agent, session: Session) -> None:
    agent.state = State.UNAPPROVED
    facts.changed(agent.id)
    session.commit()
    for _ in range(2):
        assert idle.beat().json["settings"]["paused"] is True
        answer = idle.claim()
        assert (answer.status_code, answer.json["detail"]) == (403, "This agent waits for approval by an admin")
    lifecycle.approve(agent, SYSTEM, clock.now())
    session.commit()
    assert idle.beat().json["settings"]["paused"] is False
    assert idle.claim().status_code == 204


def test_a_key_that_was_replaced_opens_nothing(idle: Caller) -> None:
    old = idle.credential
    idle.credential = idle.call("POST", p.ROTATE).json["credential"]
    assert idle.beat().status_code == 200
    idle.credential = old
    assert idle.beat().status_code == 401


def test_a_wrong_key_of_a_known_agent_opens_nothing(idle: Caller) -> None:
    idle.credential = idle.credential[:-4] + "wrong"[:4]
    assert (idle.beat().status_code, idle.claim().status_code) == (401, 401)


def test_two_copies_are_noticed(idle: Caller, pass_time) -> None:  # type: ignore[no-untyped-def]
    first = idle.instance_id
    pass_time(timedelta(seconds=5))
    for idle.instance_id in ("copy", "copy", first):
        assert idle.beat().status_code == 200
        pass_time(timedelta(seconds=1))
    assert idle.beat().status_code == 409


def test_a_machine_copied_with_its_memory_is_noticed(idle: Caller) -> None:
    idle.beat(load=0.5)
    idle.seq -= 1
    assert idle.beat(load=0.6).status_code == 409


def test_a_repeated_beat_is_no_second_copy(idle: Caller) -> None:
    message = idle.heartbeat()
    message.seq += 1
    assert [idle.call("POST", p.HEARTBEAT, message).status_code for _ in range(3)] == [200] * 3


def test_what_a_host_says_of_itself_anew_is_noted(idle: Caller, agent: Agent, session: Session) -> None:
    idle.beat(capacity=9)
    session.refresh(agent)
    assert agent.capacity == 9


def test_withdrawn_files_are_told(app, idle: Caller) -> None:  # type: ignore[no-untyped-def]
    Signing(app.extensions["settings"].signing_key_file).withdraw("ab" * 32, clock.now())
    app.extensions.pop("trust_news")
    assert [command["kind"] for command in idle.beat().json["commands"]] == ["root"]


def test_one_that_was_offline_comes_back(idle: Caller, agent: Agent, session: Session, pass_time) -> None:  # type: ignore[no-untyped-def]
    pass_time(timedelta(minutes=5))
    assert sweep.notice_offline(clock.now()) == 1
    session.commit()
    idle.beat()
    session.refresh(agent)
    assert agent.offline_since is None


def test_without_a_broker_all_goes_the_long_way(idle: Caller, session: Session, cast: Cast) -> None:
    queue.ask(lambda r: r.flushall(), None)
    made.command(cast.acme, {"agents": ["web-1"]})
    assert idle.beat().status_code == 200
    assert len(idle.claim().json["tasks"]) == 1
    session.expire_all()
    assert session.query(Task).one().status == "assigned"


def test_what_cannot_be_read_is_told_by_the_view(idle: Caller) -> None:
    answer = idle.client.open(
        p.HEARTBEAT, method="POST", data=b"{", headers={"Authorization": f"Bearer {idle.credential}"}, csrf=False
    )
    assert (answer.status_code, answer.json["code"]) == (422, "bad_message")
