"""What people do to agents: each verb works, says who did it, and is refused where it makes no sense."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.access.models import Audit
from webapp.agents import credentials, lifecycle
from webapp.agents.models import Agent, AgentTag
from webapp.agents.states import MOVES, STATE_LOOKS, State
from webapp.events import Actor, Event
from webapp.refusal import Refused

ANN = Actor("user", "ann", 1)
VERBS = {
    State.PAUSED: lifecycle.pause, State.ACTIVE: lifecycle.enable, State.DISABLED: lifecycle.disable,
    State.REVOKED: lifecycle.revoke, State.DECOMMISSIONED: lifecycle.decommission, State.UNINSTALLED: lifecycle.leave,
}  # fmt: skip


@pytest.fixture
def agent(session: Session, cast: Cast) -> Agent:
    return made.agent(cast.acme, "web-1", credential_hash="x")


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize("after", list(VERBS))
def test_only_legal_moves_are_made(session: Session, cast: Cast, before: State, after: State) -> None:
    agent = made.agent(cast.acme, state=before)
    verb = lifecycle.approve if (before, after) == (State.UNAPPROVED, State.ACTIVE) else VERBS[after]
    if after in MOVES[before]:
        verb(agent, ANN, clock.now())
        session.refresh(agent)
        assert agent.state == after
    else:
        with pytest.raises(Refused):
            VERBS[after](agent, ANN, clock.now())


def test_every_state_has_a_look() -> None:
    assert set(STATE_LOOKS) == set(MOVES) == set(State)


def test_it_is_written_down_who_and_why(agent: Agent, session: Session) -> None:
    lifecycle.disable(agent, ANN, clock.now(), "Disk is failing")
    event = session.query(Event).filter_by(subject="agent").one()
    assert (event.kind, event.actor, event.text) == ("agent.disabled", "ann", "Disk is failing")
    row = session.query(Audit).filter_by(action="agent.disabled").one()
    assert (row.before, row.after) == ({"state": "active"}, {"state": "disabled", "reason": "Disk is failing"})


def test_of_two_who_act_at_once_one_is_told(agent: Agent, session: Session) -> None:
    session.query(Agent).update({"state": State.PAUSED}, synchronize_session=False)  # what this one has not seen
    with pytest.raises(Refused, match="changed meanwhile"):
        lifecycle.disable(agent, ANN, clock.now())


def test_a_decommissioned_agent_is_in_no_list(agent: Agent, session: Session) -> None:
    lifecycle.tag(agent, ["prod"], ANN, clock.now())
    lifecycle.decommission(agent, ANN, clock.now())
    assert agent.removed and agent.credential_hash is None and session.query(AgentTag).count() == 0


def test_tags_are_set(agent: Agent, session: Session) -> None:
    lifecycle.tag(agent, ["web", " prod ", "web", ""], ANN, clock.now())
    session.refresh(agent)
    assert agent.tags == ["prod", "web"]
    lifecycle.tag(agent, ["web"], ANN, clock.now())
    assert [row.tag for row in session.query(AgentTag)] == ["web"]
    assert session.query(Event).filter_by(kind="agent.tagged").count() == 2
    lifecycle.tag(agent, ["web"], ANN, clock.now())  # nothing new, nothing written
    assert session.query(Event).filter_by(kind="agent.tagged").count() == 2


@pytest.mark.parametrize("tags", [["a,b"], ["<b>"], ["x" * 65], [f"t{n}" for n in range(33)], ["-x"], ["a\nb"]])
def test_what_is_no_tag_is_refused(agent: Agent, tags: list[str]) -> None:
    with pytest.raises(Refused):
        lifecycle.tag(agent, tags, ANN, clock.now())


def test_many_are_tagged_at_once(session: Session, cast: Cast) -> None:
    agents = [made.agent(cast.acme) for _ in range(3)]
    lifecycle.tag(agents[0], ["old", "new"], ANN, clock.now())
    lifecycle.decommission(agents[2], ANN, clock.now())
    assert lifecycle.tag_many(agents, ["new"], ["old"], ANN, clock.now()) == 2
    assert [agent.tags for agent in agents[:2]] == [["new"], ["new"]]


def test_a_key_is_due_when_it_is_old_or_asked_for(agent: Agent, session: Session) -> None:
    now = clock.now()
    agent.credential_at = now - timedelta(days=19)
    assert not credentials.due(agent, now)
    assert credentials.due(agent, now + timedelta(days=1))
    lifecycle.ask_to_rotate(agent, ANN, now)
    assert credentials.due(agent, now)


def test_what_is_gone_is_not_changed(agent: Agent, session: Session) -> None:
    lifecycle.revoke(agent, ANN, clock.now())
    for act in (
        lambda: lifecycle.tag(agent, ["x"], ANN, clock.now()),
        lambda: lifecycle.ask_to_rotate(agent, ANN, clock.now()),
        lambda: lifecycle.ask_to_update(agent, ANN, clock.now()),
        lambda: lifecycle.edit(agent, ANN, clock.now(), note="x", instance=""),
    ):
        with pytest.raises(Refused):
            act()


def test_an_agent_is_described(agent: Agent, session: Session) -> None:
    lifecycle.edit(agent, ANN, clock.now(), note="Rack 4", instance="production")
    session.refresh(agent)
    assert (agent.note, agent.instance) == ("Rack 4", "production")
