"""Agents over the API: found, edited, acted on, alone and many at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.agent_api.caller import enrol
from tests.cast import Cast
from tests.rest.conftest import Api, Program
from tests.tasks import made
from webapp import clock
from webapp.agents import lifecycle
from webapp.agents.models import Agent


def names(program: Program, query: str = "") -> list[str]:
    answer = program.get(f"/agents/?{query}")
    assert answer.status_code == 200, answer.text
    return [agent["hostname"] for agent in answer.json["items"]]


@pytest.fixture
def fleet(session: Session, cast: Cast) -> list[Agent]:
    old = clock.now() - timedelta(hours=1)
    return [
        made.agent(cast.acme, "web-1", version="0.1.0", instance="eu"),
        made.agent(cast.acme, "web-2", last_seen_at=old),
        made.agent(cast.acme, "db-1", os="darwin", arch="arm64", last_seen_at=None),
        made.agent(cast.globex, "web-9"),
    ]


@pytest.fixture
def agent(fleet: list[Agent]) -> Agent:
    return fleet[0]


def test_they_are_found_by_what_they_are(api: Api, fleet: list[Agent]) -> None:
    program = api("viewer")
    assert names(program) == ["web-1", "web-2", "db-1"]
    assert names(program, "q=WEB") == ["web-1", "web-2"]
    assert names(program, "presence=online") == names(program, "instance=eu") == ["web-1"]
    assert names(program, "presence=offline&presence=never") == ["web-2", "db-1"]
    assert names(program, "os=darwin&arch=arm64") == ["db-1"]
    assert names(program, "os=darwin&os=linux&version=0.1.0") == ["web-1"]
    assert names(program, "capability=run_as") == []
    assert names(program, "org=acme&limit=1") == ["web-1"]
    assert program.get("/agents/?org=globex").json["errors"][0]["field"] == "org"


def test_tags_are_any_or_all_of_them(api: Api, fleet: list[Agent]) -> None:
    admin = api("admin")
    for agent, tags in zip(fleet, (["prod", "eu"], ["prod"]), strict=False):
        assert admin.put(f"/agents/{agent.uuid}/", {"tags": tags}).json["tags"] == sorted(tags)
    assert names(admin, "tag=prod&tag=eu") == ["web-1", "web-2"]
    assert names(admin, "tag=prod&tag=eu&match=all") == ["web-1"]


def test_a_list_goes_on_where_it_ended(api: Api, fleet: list[Agent]) -> None:
    program = api("viewer")
    page = program.get("/agents/?limit=2").json
    assert [agent["hostname"] for agent in page["items"]] == ["web-1", "web-2"]
    assert names(program, f"cursor={page['next']}") == ["db-1"]


def test_one_is_told_with_its_presence(api: Api, agent: Agent) -> None:
    told = api("viewer").get(f"/agents/{agent.uuid.upper()}").json
    assert (told["hostname"], told["presence"], told["state"], told["organization"]) == (
        "web-1", "online", "active", "acme",
    )  # fmt: skip
    assert "credential_hash" not in told


def test_an_edit_leaves_the_rest(api: Api, agent: Agent) -> None:
    program, path = api("admin"), f"/agents/{agent.uuid}/"
    assert program.put(path, {"note": "Rack 4"}).json["instance"] == "eu"
    told = program.put(path, {"tags": ["web", "prod"], "instance": ""}).json
    assert (told["note"], told["instance"], told["tags"]) == ("Rack 4", "", ["prod", "web"])


def test_a_word_that_is_no_tag_names_its_field(api: Api, agent: Agent) -> None:
    answer = api("admin").put(f"/agents/{agent.uuid}/", {"tags": ["<b>"]})
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "tags"


def test_who_edits_is_stopped_by_people_and_not_by_heartbeats(api: Api, session: Session, agent: Agent) -> None:
    program, path = api("admin"), f"/agents/{agent.uuid}/"
    seen = program.get(path).headers["ETag"]
    lifecycle.update(agent, running=3)
    session.commit()
    fresh = program.get(path).headers["ETag"]
    assert program.get(path, headers={"If-None-Match": fresh}).status_code == 304 and fresh != seen
    assert program.put(path, {"note": "One"}, headers={"If-Match": seen}).status_code == 200
    refused = program.put(path, {"note": "Two"}, headers={"If-Match": seen})
    assert refused.status_code == 412 and refused.headers["ETag"] == program.get(path).headers["ETag"]
    assert program.delete(path, headers={"If-Match": seen}).status_code == 412


def test_each_verb_moves_it_and_says_who(api: Api, agent: Agent) -> None:
    program, path = api("admin"), f"/agents/{agent.uuid}"
    assert program.post(f"{path}/pause", {"reason": "Move"}).json["state_reason"] == "Move"
    assert program.post(f"{path}/disable", {}).json["state"] == "disabled"
    assert program.post(f"{path}/enable").json["state"] == "active"
    assert program.post(f"{path}/rotate-key").json["rotating"] is True
    refused = program.post(f"{path}/enable")
    assert (refused.status_code, refused.json["reason"], refused.json["detail"]) == (
        409, "illegal", "web-1 is active",
    )  # fmt: skip
    events = program.get(f"{path}/events/").json["items"]
    assert [event["kind"] for event in events][:2] == ["agent.rotation_asked", "agent.active"]
    assert events[0]["by"].startswith("alice/")


def test_one_that_waits_is_approved_alone_or_with_others(api: Api, session: Session, cast: Cast) -> None:
    one, two, three = (made.agent(cast.acme, f"new-{n}", state="unapproved").uuid for n in range(3))
    program = api("admin")
    assert program.post(f"/agents/{one}/approve").json["state"] == "active"
    assert program.post(f"/agents/{one}/refuse", {}).status_code == 409
    order = {"do": "approve", "filter": {"state": ["unapproved"]}, "expected": 2}
    assert program.post("/agents/bulk", order).json == {"done": 2, "refused": []}
    assert {program.get(f"/agents/{uuid}").json["state"] for uuid in (two, three)} == {"active"}
    assert api("operator").post(f"/agents/{two}/approve").status_code == 403


def test_a_verb_that_needs_a_body_says_so_after_it_has_found_the_agent(api: Api, agent: Agent) -> None:
    assert api("admin").post(f"/agents/{agent.uuid}/pause").status_code == 400
    assert api("foreign").post(f"/agents/{agent.uuid}/pause").status_code == 404


def test_without_a_published_program_there_is_no_update(api: Api, agent: Agent) -> None:
    refused = api("admin").post(f"/agents/{agent.uuid}/update")
    assert (refused.status_code, refused.json["reason"]) == (409, "unpublished")


@pytest.mark.parametrize("act", ["revoke", "decommission", "delete"])
def test_who_was_removed_is_let_in_no_more(api: Api, session: Session, cast: Cast, act: str) -> None:
    program = api("admin")
    token = program.post("/enrolment-tokens/", {}).json["token"]
    told = enrol(program.client, token, "gone-1").json
    path = f"/agents/{told['agent_id']}"
    done = program.delete(f"{path}/") if act == "delete" else program.post(f"{path}/{act}", {"reason": "Sold"})
    assert done.status_code in (200, 204)
    assert names(program) == []
    assert program.get(path).json["state"] == ("revoked" if act == "revoke" else "decommissioned")
    headers = {"Authorization": f"Bearer {told['credential']}"}
    assert program.client.post("/agent/v1/heartbeat", json={}, headers=headers).status_code == 401


def test_many_are_tagged_by_name_or_by_filter(api: Api, fleet: list[Agent]) -> None:
    program = api("admin")
    order = {"do": "tag", "add": ["prod"], "ids": [fleet[0].uuid, fleet[3].uuid, "nothing"]}
    answer = program.post("/agents/bulk", order).json
    assert answer["done"] == 1
    assert {each["reason"] for each in answer["refused"]} == {"There is no such agent"}
    by_filter = {"do": "tag", "remove": ["prod"], "filter": {"tag": ["prod"]}, "expected": 1}
    assert program.post("/agents/bulk", by_filter).json == {"done": 1, "refused": []}
    refused = program.post("/agents/bulk", by_filter)
    assert (refused.status_code, refused.json["matches"]) == (409, 0)


def test_one_that_cannot_change_stops_no_other(api: Api, fleet: list[Agent]) -> None:
    program = api("admin")
    program.post(f"/agents/{fleet[0].uuid}/disable", {})
    answer = program.post("/agents/bulk", {"do": "disable", "filter": {}, "expected": 3}).json
    assert answer == {"done": 2, "refused": [{"id": fleet[0].uuid, "reason": "web-1 is disabled"}]}


def test_an_order_that_says_too_little_names_its_fields(api: Api, agent: Agent) -> None:
    def wrong(order: dict[str, object]) -> set[str]:
        answer = api("admin").post("/agents/bulk", order)
        assert answer.status_code == 422
        return {error["field"] for error in answer.json["errors"]}

    assert wrong({"do": "tag"}) == {"ids", "add"}
    assert wrong({"do": "pause", "filter": {}}) == {"expected"}
    assert wrong({"do": "tag", "add": ["<"], "ids": []}) == {"add"}
    assert wrong({"do": "revoke", "ids": []}) == {"do"}
    assert wrong({"do": "pause", "filter": {"tga": "x"}, "expected": 1}) == {"filter.tga"}


def test_rights(api: Api, agent: Agent) -> None:
    path = f"/agents/{agent.uuid}"
    assert api("operator").put(f"{path}/", {"note": ""}).status_code == 403
    assert api("operator").post("/agents/bulk", {"do": "pause", "ids": []}).status_code == 403
    assert api("admin", "endpoints:agents:write").post(f"{path}/revoke", {}).status_code == 403
    assert api("foreign").get(path).status_code == 404


def test_taking_an_agent_off_is_no_task_like_others(api: Api, cast: Cast) -> None:
    target = {"agents": [made.agent(cast.acme, "web-1").uuid]}
    for kind in ("uninstall", "update_agent"):
        assert api("operator").post("/tasks/", {"type": kind, "data": {}, "target": target}).status_code == 403
    assert api("admin").post("/tasks/", {"type": "uninstall", "data": {}, "target": target}).status_code == 201
