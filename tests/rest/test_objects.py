"""Objects over the API: how a program that runs elsewhere stores what it saw."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made


def test_an_object_has_a_natural_key(api: Api) -> None:
    answer = api("admin").post("/objects/hostname/", {"network": "internet", "name": "Example.COM."})
    assert answer.status_code == 201
    assert (answer.json["key"], answer.json["type"]) == ("internet|example.com", "hostname")
    assert isinstance(answer.json["id"], int) and answer.json["data"] == {"network": "internet", "name": "example.com"}
    assert api("viewer").get(answer.headers["Location"].removeprefix("/api/v1")).json == answer.json


def test_seen_again_it_is_the_same_one(api: Api) -> None:
    program = api("admin")
    first = program.post("/objects/hostname", {"name": "example.com"})
    again = program.post("/objects/hostname", {"name": "example.com"})
    assert (first.status_code, again.status_code, first.json["id"]) == (201, 200, again.json["id"])


def test_with_its_task_it_is_linked(api: Api, session: Session, cast: Cast) -> None:
    task, program = made.task(cast.acme), api("admin")
    for name in ("a.example", "b.example", "b.example"):
        assert program.post(f"/objects/hostname/?task_id={task.uuid}", {"name": name}).status_code in (200, 201)
    program.post("/objects/hostname/", {"name": "c.example"})
    found = program.get(f"/objects/hostname/?task_id={task.uuid}").json["items"]
    assert {each["key"] for each in found} == {"internet|a.example", "internet|b.example"}
    session.refresh(task)
    assert task.object_count == 2


def test_they_are_found_by_key(api: Api) -> None:
    program = api("admin")
    for name in ("a.example", "b.example"):
        program.post("/objects/hostname/", {"name": name})
    assert [each["key"] for each in program.get("/objects/hostname/?q=B.ex").json["items"]] == ["internet|b.example"]
    assert len(program.get("/objects/hostname/?key=internet|a.example").json["items"]) == 1
    assert program.get("/objects/ipaddress/").json == {"items": [], "next": None}


def test_wrong_fields_are_named(api: Api) -> None:
    answer = api("admin").post("/objects/hostname/", {"nam": "x", "name": "no host"})
    assert {error["field"] for error in answer.json["errors"]} == {"nam", "name"}
    assert api("admin").post("/objects/nothing/", {}).json["detail"] == 'Unknown object type "nothing".'


def test_types_tell_their_fields(api: Api) -> None:
    types = {each["type"]: each for each in api("viewer").get("/objects/").json["items"]}
    assert types["hostname"]["key"] == ["network", "name"]
    assert {field["name"] for field in types["ipport"]["fields"]} >= {"address", "port", "protocol"}


def test_one_that_is_deleted_comes_back_when_it_is_seen(api: Api) -> None:
    program = api("admin")
    path = f"/objects/hostname/{program.post('/objects/hostname/', {'name': 'a.example'}).json['id']}/"
    assert program.delete(path).status_code == 204
    assert program.get(path).status_code == 404
    assert program.post("/objects/hostname/", {"name": "a.example"}).status_code == 201
    assert program.get(path).status_code == 200


def test_rights(api: Api) -> None:
    body = {"name": "a.example"}
    assert api("operator").post("/objects/hostname/", body).status_code == 403
    made_one = api("admin").post("/objects/hostname/", body).json
    assert api("foreign").get(f"/objects/hostname/{made_one['id']}/").status_code == 404
    assert api("foreign").get("/objects/hostname/").json["items"] == []
