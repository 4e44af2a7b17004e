"""Heartbeats: they keep leases alive, tell what is wanted, and know one agent from two."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller
from tests.cast import Cast
from tests.tasks import made
from webapp import clock, queue
from webapp.agents import beats, lifecycle, presence_chart, queries, wake
from webapp.agents.models import Agent, Heartbeat
from webapp.events import SYSTEM, Event
from webapp.library.signing import Signing
from webapp.tasks import lifecycle as tasks
from workers.agent import protocol as p


def kinds_of(answer) -> list[str]:  # type: ignore[no-untyped-def]
    return [command["kind"] for command in answer.json["commands"]]


def told(session: Session, agent: Agent) -> list[str]:
    rows = session.query(Event).filter_by(subject="agent", subject_id=agent.id).order_by(Event.id)
    return [row.kind for row in rows]


def test_the_first_one_makes_an_agent_seen(agent: Agent) -> None:
    assert agent.last_seen_at is not None and agent.online(clock.now())
    assert agent.version == p.VERSION and agent.capacity == 4


def test_an_idle_one_writes_no_row(caller: Caller, agent: Agent, session: Session) -> None:
    queue.put(beats.CARRIED, 1, 60)
    before = agent.last_seen_at
    assert caller.beat(load=0.7).status_code == 200
    session.refresh(agent)
    assert agent.last_seen_at == before
    assert beats.carry(clock.now()) == 1
    session.commit()
    session.refresh(agent)
    assert agent.last_seen_at > before and agent.load == 0.7


def test_while_nobody_carries_them_they_are_noted_now_and_then(
    caller: Caller, agent: Agent, session: Session, pass_time
) -> None:  # type: ignore[no-untyped-def]
    queue.delete(beats.CARRIED)
    before = agent.last_seen_at
    caller.beat()
    session.refresh(agent)
    assert agent.last_seen_at == before
    pass_time(timedelta(seconds=31))
    caller.beat()
    session.refresh(agent)
    assert agent.last_seen_at > before


def test_what_changes_an_agent_is_noted_at_once(caller: Caller, agent: Agent, session: Session) -> None:
    queue.put(beats.CARRIED, 1, 60)
    caller.beat(version="0.2.0", capacity=8)
    session.refresh(agent)
    assert (agent.version, agent.capacity) == ("0.2.0", 8)
    assert "agent.updated" in told(session, agent)


def test_it_keeps_the_leases_of_what_runs(caller: Caller, session: Session, cast: Cast, pass_time) -> None:  # type: ignore[no-untyped-def]
    task = made.command(cast.acme, {"agents": "anyone"})[0]
    held = caller.started()
    pass_time(timedelta(seconds=50))
    answer = caller.beat(running=[held.running])
    session.refresh(task)
    assert answer.json["drop"] == [] and task.lease_until > clock.now() + timedelta(seconds=55)


def test_what_was_lost_meanwhile_is_to_be_dropped(caller: Caller, session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": "anyone"})[0]
    held = caller.started()
    session.refresh(task)
    tasks.lose(task, SYSTEM, clock.now())
    assert caller.beat(running=[held.running]).json["drop"] == [task.uuid]


def test_a_guessed_lease_keeps_nothing(caller: Caller, session: Session, cast: Cast) -> None:
    made.command(cast.acme, {"agents": "anyone"})
    held = caller.started()
    held.task.token = "guessed"
    assert caller.beat(running=[held.running]).json["drop"] == [held.task.task_id]


def test_a_stop_is_told_until_it_is_done(caller: Caller, session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": "anyone"})[0]
    held = caller.started()
    session.refresh(task)
    tasks.cancel(task, SYSTEM, clock.now())
    for _ in range(2):
        answer = caller.beat(running=[held.running])
        assert [(c["kind"], c["task_id"]) for c in answer.json["commands"]] == [("cancel", task.uuid)]
    held.cancelled()
    assert kinds_of(caller.beat()) == []


def test_a_pause_is_told_as_a_setting(caller: Caller, agent: Agent, session: Session, cast: Cast) -> None:
    assert caller.beat().json["settings"]["paused"] is False
    lifecycle.pause(agent, SYSTEM, clock.now(), "Maintenance")
    made.command(cast.acme, {"agents": ["web-1"]})
    assert caller.beat().json["settings"]["paused"] is True
    assert caller.claim().status_code == 204
    session.refresh(agent)
    lifecycle.enable(agent, SYSTEM, clock.now())
    assert caller.beat().json["settings"]["paused"] is False
    assert caller.claim().status_code == 200


def test_a_disabled_agent_beats_on_and_gets_no_work(caller: Caller, agent: Agent, session: Session, cast: Cast) -> None:
    made.command(cast.acme, {"agents": ["web-1"]})
    lifecycle.disable(agent, SYSTEM, clock.now())
    assert caller.beat().status_code == 200
    answer = caller.claim()
    assert (answer.status_code, answer.json["code"]) == (403, "disabled")


def test_withdrawn_files_are_told_to_those_who_do_not_know(app, caller: Caller, pass_time) -> None:  # type: ignore[no-untyped-def]
    assert kinds_of(caller.beat()) == []
    Signing(app.extensions["settings"].signing_key_file).withdraw("ab" * 32, clock.now())
    app.extensions.pop("trust_news")
    (command,) = caller.beat().json["commands"]
    assert command["kind"] == "root" and command["root"]["revoked"]["revoked"]["sha256"] == ["ab" * 32]
    caller.trust["revoked"] = command["root"]["revoked"]["revoked"]["version"]
    assert kinds_of(caller.beat()) == []


def test_a_ticket_for_the_wake_channel_comes_with_it(app, caller: Caller, agent: Agent) -> None:  # type: ignore[no-untyped-def]
    told = caller.beat().json["wake"]
    key = app.extensions["settings"].secret_key
    assert told["url"].endswith("/wake")
    assert wake.admitted(key, told["ticket"], clock.now()) == (agent.id, agent.organization_id)
    assert wake.admitted(key, told["ticket"], clock.now() + timedelta(hours=2)) is None
    assert wake.admitted("another key", told["ticket"], clock.now()) is None


def test_a_restarted_agent_takes_over_at_once(caller: Caller, agent: Agent, session: Session) -> None:
    caller.instance_id, caller.seq = "second", 0
    assert caller.beat().status_code == 200
    session.refresh(agent)
    assert agent.instance_id == "second" and agent.state == "active"


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-300), timedelta(days=300)])
def test_two_copies_are_both_told_to_stop_whatever_their_clocks_say(
    caller: Caller, agent: Agent, session: Session, pass_time, ahead: timedelta
) -> None:  # type: ignore[no-untyped-def]
    first, said = caller.instance_id, clock.iso(clock.now() + ahead)
    pass_time(timedelta(seconds=5))
    for caller.instance_id in ("copy", "copy", first):
        assert caller.beat(agent_time=said if caller.instance_id == first else "").status_code == 200
        pass_time(timedelta(seconds=1))
    answer = caller.beat(agent_time=said)
    assert (answer.status_code, answer.json["code"]) == (409, "session_conflict")
    session.refresh(agent)
    assert agent.state == "quarantined" and "agent.quarantined" in told(session, agent)
    caller.instance_id = "copy"
    assert caller.beat().status_code == 409
    assert caller.claim().json["code"] == "disabled"


def test_who_must_prove_its_life_is_asked_soon(caller: Caller, agent: Agent, pass_time) -> None:  # type: ignore[no-untyped-def]
    first, caller.instance_id = caller.instance_id, "copy"
    pass_time(timedelta(seconds=5))
    assert [caller.beat().json["interval_s"] for _ in range(2)] == [1, 15]
    caller.instance_id = first
    assert caller.beat().json["interval_s"] == 1


def test_a_machine_copied_with_its_memory_is_noticed_too(caller: Caller, agent: Agent, session: Session) -> None:
    caller.beat(load=0.5)
    caller.seq -= 1
    assert caller.beat(load=0.6).status_code == 409
    session.refresh(agent)
    assert agent.state == "quarantined"


def test_a_repeated_beat_is_no_second_copy(caller: Caller, agent: Agent, session: Session) -> None:
    message = caller.heartbeat()
    message.seq += 1
    answers = [caller.call("POST", p.HEARTBEAT, message).status_code for _ in range(3)]
    assert answers == [200, 200, 200]
    session.refresh(agent)
    assert agent.state == "active"


def test_a_beat_that_was_overtaken_is_no_second_copy(caller: Caller, agent: Agent, session: Session) -> None:
    late = caller.heartbeat()
    late.seq += 1
    caller.seq += 1
    caller.beat()
    assert caller.call("POST", p.HEARTBEAT, late).status_code == 200
    session.refresh(agent)
    assert agent.state == "active"


@pytest.mark.parametrize("set_back", [timedelta(0), timedelta(hours=3)])
def test_a_straggler_of_the_process_before_is_no_second_copy(
    caller: Caller, agent: Agent, session: Session, pass_time, set_back: timedelta
) -> None:  # type: ignore[no-untyped-def]
    caller.beat()
    late = caller.heartbeat()
    late.seq += 1
    pass_time(timedelta(seconds=5))
    caller.instance_id = "second"  # on a host whose clock was set back meanwhile
    for _ in range(2):
        caller.beat(agent_time=clock.iso(clock.now() - set_back))
        assert caller.call("POST", p.HEARTBEAT, late).status_code == 200
    session.refresh(agent)
    assert (agent.state, agent.instance_id) == ("active", "second")


def test_a_first_beat_that_comes_after_its_process_has_gone_ends_nobody(
    caller: Caller, agent: Agent, session: Session, pass_time
) -> None:  # type: ignore[no-untyped-def]
    late = caller.heartbeat(instance_id="gone", seq=1)
    caller.beat()
    pass_time(timedelta(seconds=5))
    assert caller.call("POST", p.HEARTBEAT, late).status_code == 200
    for _ in range(8):
        pass_time(timedelta(seconds=2))
        assert caller.beat().status_code == 200
    session.refresh(agent)
    assert (agent.state, agent.instance_id) == ("active", caller.instance_id)


def test_after_a_quarantine_whoever_reports_is_the_agent(caller: Caller, agent: Agent, session: Session) -> None:
    lifecycle.quarantine(agent, SYSTEM, clock.now(), "Two copies")
    assert caller.beat().status_code == 409
    session.refresh(agent)
    lifecycle.enable(agent, SYSTEM, clock.now())
    caller.instance_id = "the one that is left"
    assert caller.beat().status_code == 200


def test_what_it_says_of_itself_is_its_history(caller: Caller, agent: Agent, session: Session) -> None:
    news = [p.AgentEvent("disk", "The disk is full", 2000)]
    for _ in range(2):  # the answer to the first was lost
        caller.beat(events=news)
    assert told(session, agent).count("agent.disk") == 1


def test_the_chart_has_a_point_for_each_quarter_of_an_hour(
    caller: Caller, agent: Agent, session: Session, pass_time
) -> None:  # type: ignore[no-untyped-def]
    assert session.query(Heartbeat).count() == 1
    pass_time(timedelta(minutes=15))
    for _ in range(2):
        caller.beat()
    beats.carry(clock.now())
    assert session.query(Heartbeat).count() == 2
    chart = presence_chart.day(queries.samples(agent, clock.now()), clock.now())
    assert [cell.heard for cell in chart[-3:]] == [False, True, True]


def test_one_that_was_away_comes_back(caller: Caller, agent: Agent, session: Session, pass_time) -> None:  # type: ignore[no-untyped-def]
    from webapp.agents import sweep

    pass_time(timedelta(minutes=5))
    assert sweep.notice_offline(clock.now()) == 1
    assert sweep.notice_offline(clock.now()) == 0
    session.commit()
    caller.beat()
    assert told(session, agent)[-2:] == ["agent.went_offline", "agent.came_back"]


def test_what_the_host_says_of_itself_is_kept_as_far_as_it_can_be_shown(
    caller: Caller, agent: Agent, session: Session
) -> None:
    said = {"system": "Debian GNU/Linux 12 (bookworm)", "cpus": 4, "memory": 2**34, "python": "3.11.2"}
    caller.beat(facts=said)
    session.refresh(agent)
    assert agent.facts == said
    wrong = {"system": "\u202egnp\n" + "x" * 500, "cpus": -1, "memory": "much", "kernel": ["6.1"], "shoes": 43}
    caller.beat(facts=wrong)
    session.refresh(agent)
    assert agent.facts == {"system": "gnp" + "x" * 117}


def test_an_update_is_asked_until_the_version_is_there(
    caller: Caller, agent: Agent, session: Session, published: str
) -> None:
    caller.beat(version="0.0.9")
    session.refresh(agent)
    lifecycle.ask_to_update(agent, SYSTEM, clock.now())
    (command,) = caller.beat(version="0.0.9").json["commands"]
    assert command["kind"] == "update" and command["manifest"]["manifest"]["sha256"] == published
    assert caller.call("GET", command["download"]).status_code == 200
    assert kinds_of(caller.beat()) == []


def test_an_update_that_failed_is_not_asked_again(
    caller: Caller, agent: Agent, session: Session, published: str
) -> None:
    caller.beat(version="0.0.9")
    session.refresh(agent)
    lifecycle.ask_to_update(agent, SYSTEM, clock.now())
    caller.beat(version="0.0.9", events=[p.AgentEvent("update_failed", "It does not run here")])
    assert kinds_of(caller.beat(version="0.0.9")) == []


@pytest.mark.parametrize(
    "wrong", [{"seq": "1"}, {"running": {}}, {"load": "high"}, {"capabilities": [1]}, {"spool": 2**70}]
)
def test_a_beat_that_cannot_be_read_is_refused(caller: Caller, wrong: dict) -> None:  # type: ignore[type-arg]
    answer = caller.call("POST", p.HEARTBEAT, caller.heartbeat().to_json() | wrong)
    assert (answer.status_code, answer.json["code"]) == (422, "bad_message")
