"""The pages of the fleet: the list, one agent, letting hosts in, and choosing agents in a form."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.agents import enrolment, lifecycle, presence_chart, queries
from webapp.agents.models import Agent, Heartbeat
from webapp.config import Settings
from webapp.db import db
from webapp.library import packages
from webapp.tasks import claim
from webapp.tasks import lifecycle as tasks
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task


@pytest.fixture
def fleet(session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1", tags=["prod"])
    made.agent(cast.acme, "web-2", last_seen_at=clock.now() - timedelta(hours=1))
    made.agent(cast.globex, "theirs")


@pytest.mark.usefixtures("fleet")
def test_the_list_shows_this_organisations_hosts_and_whether_they_are_heard(client: Browser) -> None:
    page = client.login("viewer").get("/agents").get_data(as_text=True)
    assert "web-1" in page and "Online" in page and "Offline" in page and "theirs" not in page


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(("query", "hosts"), [
    ("presence=online", {"web-1"}), ("presence=offline", {"web-2"}), ("q=web", {"web-1", "web-2"}), ("q=nothing", set()),
])  # fmt: skip
def test_the_filters_are_the_address(client: Browser, query: str, hosts: set[str]) -> None:
    page = client.login("viewer").get(f"/agents?{query}").get_data(as_text=True)
    assert set(re.findall(r'id="a-[^"]+" href="[^"]+">([^<]+)<', page)) == hosts


def test_any_of_what_is_ticked_matches_and_each_can_be_taken_away(
    client: Browser, session: Session, cast: Cast
) -> None:
    for name, os, arch in (("a", "linux", "amd64"), ("b", "darwin", "arm64"), ("c", "windows", "amd64")):
        made.agent(cast.acme, name, os=os, arch=arch, version=f"1.{name}")
    asked = "arch=amd64&arch=arm64&os=darwin&os=linux&version=1.a&version=1.b"
    page = client.login("admin").get(f"/agents?{asked}").get_data(as_text=True)
    assert re.findall(r'id="a-[^"]+" href="[^"]+">([^<]+)<', page) == ["a", "b"]
    assert f'data-query="{asked.replace("&", "&amp;")}"' in page
    chips = dict(re.findall(r'class="chip" href="([^"]+)"><span class="word">([^<]+)<', page))
    without = asked.replace("os=darwin&", "").replace("&", "&amp;")
    assert len(chips) == 6 and chips[f"/agents?{without}"] == "Platform: darwin"
    told = client.htmx("POST", "/agents/bulk", data={"do": "pause", "scope": "matching", "query": asked})
    assert "2 agents changed" in told.headers["HX-Trigger"]


def test_an_empty_fleet_says_what_to_do(client: Browser, session: Session) -> None:
    assert "No agents connected" in client.login("admin").get("/agents").get_data(as_text=True)
    assert "Add agent" not in client.login("viewer").get("/agents").get_data(as_text=True)


@pytest.mark.parametrize("tab", ["overview", "tasks", "queue", "keys", "events"])
def test_one_agent(client: Browser, session: Session, cast: Cast, tab: str) -> None:
    agent = made.agent(cast.acme, "web-1")
    page = client.login("viewer").get(f"/agents/{agent.uuid}?tab={tab}")
    assert page.status_code == 200 and "linux/amd64" in page.get_data(as_text=True)
    assert client.login("foreign").get(f"/agents/{agent.uuid}").status_code == 404


def test_the_keys_of_an_agent_tell_how_it_came_in(client: Browser, session: Session, cast: Cast) -> None:
    now = clock.now()
    _, token = enrolment.create_token(cast.acme, made.ANN, now)
    session.flush()
    agent = made.agent(cast.acme, "web-1", enrolled_with_id=token.id, credential_at=now)
    page = client.login("admin").get(f"/agents/{agent.uuid}?tab=keys").get_data(as_text=True)
    assert f'href="/agents/enrolment/{token.key}"' in page and "by ann" in page and "New key after" in page
    lifecycle.ask_to_rotate(agent, made.ANN, now)
    session.commit()
    page = client.get(f"/agents/{agent.uuid}?tab=keys").get_data(as_text=True)
    assert "Asked for; the first use" in page and "New key after" not in page


def test_pausing_is_for_those_who_may(client: Browser, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1")
    assert client.login("operator").post(f"/agents/{agent.uuid}/pause").status_code == 403
    answer = client.login("admin").htmx("POST", f"/agents/{agent.uuid}/pause")
    assert answer.status_code == 204 and "is paused" in answer.headers["HX-Trigger"]
    session.refresh(agent)
    assert agent.state == "paused"
    assert client.htmx("POST", f"/agents/{agent.uuid}/pause").status_code == 409


@pytest.fixture
def published(session: Session, settings: Settings) -> None:
    packages.publish(settings.data, packages.AGENT_KIND, packages.AGENT_NAME, "9.9.0", b"program", clock.now())
    session.commit()


@pytest.mark.usefixtures("published")
def test_an_agent_is_asked_to_update_itself(client: Browser, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1", version="0.1.0")
    page = f"/agents/{agent.uuid}"
    assert "Update to 9.9.0" in client.login("admin").get(page).get_data(as_text=True)
    assert "asked to update" in client.htmx("POST", f"{page}/update").headers["HX-Trigger"]
    session.refresh(agent)
    assert agent.update_to == "9.9.0"
    shown = client.get(page).get_data(as_text=True)
    assert "becomes 9.9.0" in shown and f"{page}/update" not in shown
    assert client.login("operator").post(f"{page}/update").status_code == 403


@pytest.mark.usefixtures("published")
def test_several_are_updated_and_those_that_need_not_are_named(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "old", version="0.1.0"), made.agent(cast.acme, "new", version="9.9.0")
    told = client.login("admin").htmx("POST", "/agents/bulk", data={"do": "update", "scope": "matching", "query": ""})
    assert "1 agent changed, 1 not: new: new runs version 9.9.0 already" in told.headers["HX-Trigger"]


def test_an_agent_is_taken_off_its_host(client: Browser, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1")
    page = f"/agents/{agent.uuid}"
    assert "Uninstall" not in client.login("operator").get(page).get_data(as_text=True)
    assert client.post(f"{page}/uninstall").status_code == 403
    told = client.login("admin").htmx("POST", f"{page}/uninstall", data={"cleanup": "1"}).headers["HX-Trigger"]
    task = session.scalars(sa.select(Task)).one()
    assert (task.type, task.data, task.agent_id) == ("uninstall", {"cleanup": True}, agent.id)
    assert "asked to uninstall" in told and f"/tasks/{task.uuid}" in told


def test_several_are_taken_off_or_none(client: Browser, session: Session, cast: Cast) -> None:
    able, unable = made.agent(cast.acme, "able"), made.agent(cast.acme, "unable", capabilities=[])
    asked = {"ids": [able.uuid, unable.uuid]}
    answer = client.login("admin").htmx("POST", "/agents/uninstall", data=asked)
    assert answer.status_code == 409 and "unable does not uninstall itself" in answer.headers["HX-Trigger"]
    assert session.scalars(sa.select(Task)).all() == []
    asked["ids"].append(made.agent(cast.globex, "theirs").uuid)
    asked["ids"].remove(unable.uuid)
    assert client.htmx("POST", "/agents/uninstall", data=asked).status_code == 204
    assert [task.agent_id for task in session.scalars(sa.select(Task))] == [able.id]
    assert client.htmx("POST", "/agents/uninstall").status_code == 409


def test_tags_are_saved_and_several_agents_are_tagged_at_once(client: Browser, session: Session, cast: Cast) -> None:
    one, two = made.agent(cast.acme, "a"), made.agent(cast.acme, "b")
    said = {"tags": "prod, web", "instance": "eu-1", "note": "Rack 4"}
    client.login("admin").post(f"/agents/{one.uuid}/edit", data=said)
    session.refresh(one)
    assert (sorted(one.tags), one.instance, one.note) == (["prod", "web"], "eu-1", "Rack 4")
    assert 'name="instance" value="eu-1"' in client.get("/agents").get_data(as_text=True)
    client.post("/agents/bulk", data={"do": "tag", "ids": [one.uuid, two.uuid], "add": "eu", "remove": "web"})
    session.refresh(one), session.refresh(two)
    assert sorted(one.tags) == ["eu", "prod"] and two.tags == ["eu"]


def test_all_that_match_can_be_paused(client: Browser, session: Session, cast: Cast) -> None:
    one, two = made.agent(cast.acme, "web-1"), made.agent(cast.acme, "db-1")
    client.login("admin").post("/agents/bulk", data={"do": "pause", "scope": "matching", "query": "q=web"})
    session.refresh(one), session.refresh(two)
    assert (one.state, two.state) == ("paused", "active")


def test_a_foreign_agent_in_a_bulk_act_is_not_touched(client: Browser, session: Session, cast: Cast) -> None:
    theirs = made.agent(cast.globex, "theirs")
    client.login("admin").post("/agents/bulk", data={"do": "pause", "ids": [theirs.uuid]})
    session.refresh(theirs)
    assert theirs.state == "active"


def test_a_token_is_shown_once_and_the_page_waits_for_the_host(client: Browser, session: Session, cast: Cast) -> None:
    answer = client.login("admin").post(
        "/agents/enrolment", data={"uses": "2", "minutes": "60", "tags": "web", "organization": str(cast.acme)}
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 201, page
    text = re.search(r"enr_[a-z0-9]{8}_[\w-]{43}", page)
    assert text and "Waiting for the first check-in" in page
    key = text[0].split("_")[1]
    later = client.get(f"/agents/enrolment/{key}").get_data(as_text=True)
    assert text[0] not in later and "0 of 2 used" in later
    assert queries.token(key).tags == ["web"]  # type: ignore[union-attr]


def test_a_token_that_ended_says_so(client: Browser, session: Session, cast: Cast) -> None:
    now = clock.now()
    _, expired = enrolment.create_token(cast.acme, made.ANN, now - timedelta(hours=2))
    _, revoked = enrolment.create_token(cast.acme, made.ANN, now)
    enrolment.revoke_token(revoked, made.ANN, now)
    session.commit()
    client.login("admin")
    for token, state in ((expired, "expired"), (revoked, "revoked")):
        page = client.get(f"/agents/enrolment/{token.key}").get_data(as_text=True)
        assert f"This token is {state}" in page and "Connected" not in page and 'data-live="arrivals"' not in page


def test_a_token_form_comes_back_with_its_errors(client: Browser, session: Session, cast: Cast) -> None:
    answer = client.login("admin").post(
        "/agents/enrolment", data={"uses": "0", "minutes": "60", "organization": str(cast.acme)}
    )
    assert answer.status_code == 422 and "Enter a number from 1 to 1000" in answer.get_data(as_text=True)


def test_the_picker_counts_whom_the_target_means_now(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1"), made.agent(cast.acme, "db-1")
    lifecycle.tag(queries.named(["web-1"], cast.acme)[0][0], ["prod"], made.ANN, clock.now())
    client.login("operator")
    assert "2 agents match now" in client.htmx("GET", "/agents/options?mode=all").get_data(as_text=True)
    tagged = client.htmx("GET", "/agents/options?mode=tags&target_tags=prod").get_data(as_text=True)
    assert "1 agent matches now: web-1" in tagged


def test_what_the_picker_offers_is_filtered_and_ticked_at_once(client: Browser, session: Session, cast: Cast) -> None:
    for name, os in (("web-1", "linux"), ("web-2", "linux"), ("mac-1", "darwin")):
        lifecycle.tag(made.agent(cast.acme, name, os=os), [os, "all"], made.ANN, clock.now())
    session.commit()
    client.login("operator")

    def offered(query: str) -> tuple[list[str], int]:
        page = client.htmx("GET", f"/agents/options?mode=agents&{query}").get_data(as_text=True)
        return re.findall(r'class="grow">(\S+)', page), page.count("checked>")

    assert offered("agent_os=darwin") == (["mac-1"], 0)
    assert offered("agent_os=darwin&agent_os=linux") == (["mac-1", "web-1", "web-2"], 0)
    assert offered("target_tags=linux all&match=all") == (["web-1", "web-2"], 0)
    assert offered("agent_q=web&pick=all") == (["web-1", "web-2"], 2)
    mac = queries.named(["mac-1"], cast.acme)[0][0].uuid
    assert offered(f"agent_q=web&pick=all&agent={mac}")[1] == 3
    assert offered(f"agent_os=darwin&pick=none&agent={mac}") == (["mac-1"], 0)
    form = client.get("/adhoc").get_data(as_text=True)
    assert [f'id="agent-os-{os}"' in form for os in ("darwin", "linux")] == [True, True]


@pytest.mark.parametrize(("skew", "words"), [
    (None, ""), (29_000, ""), (-90_000, "90 seconds behind"), (10_800_000, "3 hours ahead"), (-34_560_000_000, "400 days behind"),
])  # fmt: skip
def test_a_wrong_clock_is_told_in_words(skew: int | None, words: str) -> None:
    assert Agent(skew_ms=skew).clock_off == words


def test_the_list_tells_what_runs_and_how_often_it_went_well(client: Browser, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1")
    for exit_code in (0, 0, 1):
        ended(agent, exit_code)
    running = made.command(cast.acme, {"agents": [agent.uuid]}, "sleep 600")[0]
    started(agent)
    made.command(cast.acme, {"agents": [agent.uuid]})
    page = client.login("viewer").get("/agents").get_data(as_text=True)
    assert f'href="/tasks/{running.uuid}">sleep 600</a>' in page and "1 of 4 · 1 queued" in page
    assert 'title="2 of the last 3 that ended">66 %' in page
    queue = client.get(f"/agents/{agent.uuid}?tab=queue").get_data(as_text=True)
    assert queue.count('id="q-') == 2 and 'Queue <span class="count">1</span>' in queue
    tab = client.get(f"/agents/{agent.uuid}?tab=tasks").get_data(as_text=True)
    assert tab.count('id="t-') == 5 and "66 % of the last 3" in tab


def test_the_list_tells_when_an_agent_was_heard(client: Browser, session: Session, cast: Cast) -> None:
    now = clock.now()
    agent, quarter = made.agent(cast.acme, "web-1"), timedelta(minutes=15)
    at = now - timedelta(seconds=now.timestamp() % quarter.total_seconds())
    for ago in (0, 1, 5):
        told = {"agent_id": agent.id, "organization_id": cast.acme, "at": at - ago * quarter}
        session.add(Heartbeat(**told, load=None, free_disk=None, running=0, spooled=0))
    session.commit()
    page = client.login("viewer").get("/agents").get_data(as_text=True)
    assert "Heard for 1 of the last 24 hours" in page
    assert presence_chart.strip([at - ago * quarter for ago in (0, 1, 5, 500)], at) == [(90, 1), (94, 2)]


@pytest.mark.usefixtures("published")
def test_the_list_tells_which_agents_can_be_updated(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "old", version="0.1.0"), made.agent(cast.acme, "new", version="9.9.0")
    made.agent(cast.acme, "asked", version="0.1.0", update_to="9.9.0")
    page = client.login("viewer").get("/agents").get_data(as_text=True)
    assert page.count("Outdated") == 1 and "Becomes 9.9.0" in page


def ended(agent: Agent, exit_code: int) -> None:
    made.command(agent.organization_id, {"agents": [agent.uuid]})
    taken = started(agent)
    tasks.finish(taken.task, taken.lease, made.WORKER, clock.now(), End(exit_code))
    db.session.commit()


def started(agent: Agent) -> Claimed:
    taken = claim.for_agent(agent, 1, str(uuid4()), clock.now())[0]
    tasks.start(taken.task, taken.lease, made.WORKER, clock.now())
    db.session.commit()
    return taken
