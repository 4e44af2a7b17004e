"""Named concurrency limits over the API."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made


def test_a_limit_is_made_changed_and_deleted(api: Api) -> None:
    program = api("admin")
    answer = program.post("/limits/", {"name": "db", "max": 2})
    assert (answer.status_code, answer.json) == (201, {"name": "db", "max": 2, "organization": "acme"})
    assert program.put("/limits/db/", {"max": 3}).json["max"] == 3
    assert api("viewer").get("/limits/").json["items"] == [{"name": "db", "max": 3, "organization": "acme"}]
    assert program.delete("/limits/db").status_code == 204
    assert program.get("/limits/db").status_code == 404


def test_it_holds_tasks_back(api: Api, session: Session, cast: Cast) -> None:
    api("admin").post("/limits/", {"name": "db", "max": 1})
    made.tasks(cast.acme, ["a", "b"], limit="db")
    assert len(made.claimed(most=5)) == 1
    (waiting,) = api().get("/tasks/?q=limit:db status:queued").json["items"]
    assert waiting["why"][0]["code"] == "limit"


def test_an_edit_of_what_has_changed_is_refused(api: Api) -> None:
    program = api("admin")
    seen = program.post("/limits/", {"name": "db", "max": 1}).headers["ETag"]
    assert program.put("/limits/db/", {"max": 2}, headers={"If-Match": seen}).status_code == 200
    for stale in (program.put("/limits/db/", {"max": 3}, headers={"If-Match": seen}),
                  program.delete("/limits/db/", headers={"If-Match": seen})):  # fmt: skip
        assert (stale.status_code, stale.json["title"]) == (412, "This has changed")
    assert program.delete("/limits/db/", headers={"If-Match": "*"}).status_code == 204


def test_each_organization_has_its_own(api: Api) -> None:
    api("admin").post("/limits/", {"name": "db", "max": 1})
    assert api("foreign").get("/limits/db").status_code == 404
    assert api("foreign").post("/limits/", {"name": "db", "max": 9}).status_code == 201
    assert api("admin").post("/limits/", {"name": "db", "max": 5}).json["reason"] == "exists"
    assert api("admin").get("/limits/db").json["max"] == 1


def test_wrong_limits(api: Api) -> None:
    for body in ({"name": "a b", "max": 1}, {"name": "db", "max": 0}, {"name": "db", "max": "1"}, {"name": "db"}):
        assert api("admin").post("/limits/", body).status_code == 422, body
    assert api("operator").post("/limits/", {"name": "db", "max": 1}).status_code == 403
