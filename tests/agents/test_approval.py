"""Where hosts are approved, one that enrols is there and does nothing until somebody says yes."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.agents.test_enrolment import enrol, request
from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.access import lifecycle as access
from webapp.access.models import Audit, Organization
from webapp.agents import enrolment, lifecycle, queries
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.events import SYSTEM, Event
from webapp.refusal import Refused
from webapp.tasks import claim
from webapp.tasks.why import why


def arrives(session: Session, cast: Cast, hostname: str = "new-1", approval: bool = True) -> Agent:
    text, _ = enrolment.create_token(cast.acme, SYSTEM, clock.now(), tags=["prod"], approval=approval)
    agent, _key = enrol(request(text, hostname, "install-1"))
    agent.last_seen_at = clock.now()
    session.commit()
    return agent


def policy(session: Session, cast: Cast) -> None:
    access.approve_agents(session.get_one(Organization, cast.acme), True, SYSTEM, clock.now())
    session.commit()


def test_a_token_or_the_organization_says_that_hosts_wait(session: Session, cast: Cast) -> None:
    assert arrives(session, cast, "a", approval=False).state == State.ACTIVE
    assert arrives(session, cast, "b").state == State.UNAPPROVED
    policy(session, cast)
    assert arrives(session, cast, "c", approval=False).state == State.UNAPPROVED


def test_a_known_host_that_enrols_anew_waits_again(session: Session, cast: Cast) -> None:
    agent = arrives(session, cast, approval=False)
    assert arrives(session, cast).id == agent.id and agent.state == State.UNAPPROVED


def test_nobody_but_by_name_means_it_and_its_tasks_say_why_they_wait(session: Session, cast: Cast) -> None:
    agent = arrives(session, cast)
    assert list(queries.online(clock.now(), cast.acme)) == []
    (everyones,) = made.command(cast.acme, {"agents": "all"})
    (tagged,) = made.command(cast.acme, {"tags": ["prod"]})
    assert everyones.agent_id is None and tagged.agent_id is None
    (own,) = made.command(cast.acme, {"agents": ["new-1"]})
    assert [(each.code, each.text) for each in why(own, clock.now())] == [
        ("agent_unapproved", "new-1 waits for approval by an admin")
    ]
    lifecycle.approve(agent, made.ANN, clock.now())
    session.commit()
    assert [taken.task.id for taken in claim.for_agent(agent, 1, "c1", clock.now())] == [own.id]


def test_it_is_approved_once_and_by_that_verb_alone(session: Session, cast: Cast) -> None:
    agent = arrives(session, cast)
    for verb in (lifecycle.enable, lifecycle.pause, lifecycle.disable):
        with pytest.raises(Refused):
            verb(agent, made.ANN, clock.now())
    lifecycle.approve(agent, made.ANN, clock.now())
    assert session.query(Event).filter_by(kind="agent.approved").one().actor == "ann"
    assert session.query(Audit).filter_by(action="agent.approved").one().before == {"state": "unapproved"}
    for verb in (lifecycle.approve, lifecycle.refuse):
        with pytest.raises(Refused):
            verb(agent, made.ANN, clock.now())


def test_one_that_is_refused_is_gone(session: Session, cast: Cast) -> None:
    agent = arrives(session, cast)
    lifecycle.refuse(agent, made.ANN, clock.now(), "Not ours")
    session.commit()
    assert agent.removed and agent.credential_hash is None
    assert arrives(session, cast).id != agent.id


def test_the_pages_show_it_and_take_the_answer(client: Browser, session: Session, cast: Cast) -> None:
    agent, other = arrives(session, cast), made.agent(cast.acme, "other", state=State.UNAPPROVED)
    page = client.login("admin").get(f"/agents/{agent.uuid}").text
    assert "Not approved" in page and f"/agents/{agent.uuid}/approve" in page and f"/{agent.uuid}/enable" not in page
    token = session.scalars(sa.select(enrolment.EnrolmentToken.key)).one()
    waiting = client.get(f"/agents/enrolment/{token}").text
    assert "Arrived, and waits for approval" in waiting and f"/agents/{agent.uuid}/approve" in waiting
    session.commit()
    assert client.login("viewer").post(f"/agents/{agent.uuid}/approve").status_code == 403
    assert "/approve" not in client.get(f"/agents/{agent.uuid}").text
    client.login("admin").post(f"/agents/{agent.uuid}/approve")
    assert 'value="approve"' in client.get("/agents").text
    client.post("/agents/bulk", data={"do": "refuse", "ids": other.uuid})
    session.expire_all()
    assert (agent.state, other.state) == (State.ACTIVE, State.DECOMMISSIONED)
    session.commit()
    assert 'value="approve"' not in client.get("/agents").text


def test_an_admin_sets_the_policy(client: Browser, session: Session, cast: Cast) -> None:
    client.login("admin").post("/admin/organizations/acme", data={"name": "Acme", "approve_agents": "y"})
    assert session.get_one(Organization, cast.acme).approve_agents
    assert session.query(Audit).filter_by(action="organization.approve_agents").one().after == {"approve_agents": True}
