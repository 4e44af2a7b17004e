"""Enrolment tokens over the API: shown once, and what they let in."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.agent_api.caller import enrol
from tests.rest.conftest import Api
from webapp.agents.models import EnrolmentToken


def test_a_token_is_shown_once_and_lets_so_many_in(api: Api) -> None:
    program = api("admin")
    body = {"tags": ["web", "prod"], "max_uses": 2, "expires": "7d", "note": "Rack 4", "network": "127.0.0.0/8"}
    fresh = program.post("/enrolment-tokens/", body)
    assert fresh.status_code == 201, fresh.text
    token = fresh.json.pop("token")
    path = f"/enrolment-tokens/{fresh.json['id']}/"
    assert fresh.headers["Location"] == f"/api/v1{path}"
    assert token not in program.get("/enrolment-tokens/").text
    agent = enrol(program.client, token, "web-1").json["agent_id"]
    assert program.get(f"/agents/{agent}").json["tags"] == ["prod", "web"]
    told = program.get(path).json
    assert (told["status"], told["uses"], told["max_uses"], told["note"]) == ("active", 1, 2, "Rack 4")
    assert enrol(program.client, token, "web-2").status_code == 201
    assert program.get(path).json["status"] == "used"


def test_a_revoked_one_lets_nobody_in(api: Api) -> None:
    program = api("admin")
    fresh = program.post("/enrolment-tokens/", {}).json
    assert program.delete(f"/enrolment-tokens/{fresh['id']}").status_code == 204
    assert enrol(program.client, fresh["token"]).status_code == 401
    assert program.get(f"/enrolment-tokens/{fresh['id']}").json["status"] == "revoked"


def test_the_same_order_again_makes_no_second_token_and_shows_none(api: Api, session: Session) -> None:
    program, key = api("admin"), {"Idempotency-Key": "token-1"}
    assert program.post("/enrolment-tokens/", {}, headers=key).status_code == 201
    again = program.post("/enrolment-tokens/", {}, headers=key)
    assert again.status_code == 409 and "enr_" not in again.text
    assert session.scalar(sa.select(sa.func.count()).select_from(EnrolmentToken)) == 1


@pytest.mark.parametrize(("body", "field"), [
    ({"max_uses": 0}, "max_uses"), ({"max_uses": 1001}, "max_uses"), ({"expires": "31d"}, "expires"),
    ({"expires": "soon"}, "expires"), ({"expires": "1s"}, "expires"), ({"network": "everywhere"}, "network"),
    ({"tags": ["<b>"]}, "tags"), ({"uses": 3}, "uses"),
])  # fmt: skip
def test_what_cannot_be_is_named(api: Api, session: Session, body: dict[str, object], field: str) -> None:
    answer = api("admin").post("/enrolment-tokens/", body)
    assert answer.status_code == 422 and [error["field"] for error in answer.json["errors"]] == [field]
    assert session.scalar(sa.select(sa.func.count()).select_from(EnrolmentToken)) == 0


def test_rights(api: Api) -> None:
    token = api("admin").post("/enrolment-tokens/", {}).json["id"]
    for who in ("viewer", "operator"):
        assert api(who).get("/enrolment-tokens/").status_code == 403
        assert api(who).post("/enrolment-tokens/", {}).status_code == 403
    assert api("foreign").get(f"/enrolment-tokens/{token}").status_code == 404
    assert api("foreign").delete(f"/enrolment-tokens/{token}").status_code == 404
