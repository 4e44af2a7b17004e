"""One verb on many tasks."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp.tasks.states import Status


def test_each_by_itself_and_the_refused_are_named(api: Api, session: Session, cast: Cast) -> None:
    tasks, ended = made.tasks(cast.acme, ["a", "b"]), made.ended(cast.acme)
    foreign = made.task(cast.globex)
    ids = [task.uuid for task in [*tasks, ended, foreign]]
    answer = api().post("/tasks/bulk", {"do": "cancel", "ids": [*ids, "nothing"]})
    assert answer.status_code == 200
    assert answer.json["done"] == 1  # the claim of `ended` took the first of the two
    reasons = {each["id"]: each["reason"] for each in answer.json["refused"]}
    assert reasons[foreign.uuid] == reasons["nothing"] == "There is no such task"
    assert session.get_one(type(foreign), foreign.id, populate_existing=True).status == Status.PENDING


def test_a_filter_selects_what_the_list_shows(api: Api, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b", "c"])
    made.task(cast.globex)
    order = {"do": "cancel", "filter": {"status": ["queued"], "plugin": "demo"}, "expected": 3}
    assert api().post("/tasks/bulk", order).json == {"done": 3, "refused": []}


def test_a_filter_that_selects_another_number_changes_nothing(api: Api, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, ["a", "b", "c"])
    refused = api().post("/tasks/bulk", {"do": "cancel", "filter": {}, "expected": 2})
    assert (refused.status_code, refused.json["reason"], refused.json["matches"]) == (409, "expected", 3)
    assert api().get(f"/tasks/{tasks[0].uuid}/").json["status"] == "pending"


def test_more_than_one_bite(api: Api, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, [str(number) for number in range(450)])
    program = api("admin")
    assert (
        program.post("/tasks/bulk", {"do": "cancel", "filter": {"status": "open"}, "expected": 450}).json["done"] == 450
    )
    assert program.post("/tasks/bulk", {"do": "delete", "filter": {}, "expected": 450}).json["done"] == 450
    assert program.get("/tasks/").json["items"] == []


def test_retry_makes_new_attempts(api: Api, session: Session, cast: Cast) -> None:
    tasks = [made.ended(cast.acme, 1), made.ended(cast.acme, 1), made.ended(cast.acme)]
    answer = api().post("/tasks/bulk", {"do": "retry", "ids": [task.uuid for task in tasks]}).json
    assert answer["done"] == 2
    assert answer["refused"] == [
        {"id": tasks[2].uuid, "reason": "This task completed. Reschedule it to run it again"}
    ]  # fmt: skip


def test_each_verb_needs_its_own_right(api: Api, session: Session, cast: Cast) -> None:
    ids = [made.ended(cast.acme).uuid]
    assert api("operator").post("/tasks/bulk", {"do": "delete", "ids": ids}).status_code == 403
    assert api("viewer").post("/tasks/bulk", {"do": "cancel", "ids": ids}).status_code == 403
    assert api("admin").post("/tasks/bulk", {"do": "delete", "ids": ids}).json["done"] == 1


def test_an_order_that_cannot_be_used_names_its_fields(api: Api) -> None:
    def fields(order: object) -> set[str]:
        answer = api().post("/tasks/bulk", order)
        assert answer.status_code == 422, answer.text
        return {error["field"] for error in answer.json["errors"]}

    assert fields({"do": "explode", "ids": ["a"]}) == {"do"}
    assert fields({"do": "cancel"}) == {"ids"}
    assert fields({"do": "cancel", "ids": [1]}) == {"ids.0"}
    assert fields({"do": "cancel", "filter": {}}) == {"expected"}
    assert fields({"do": "cancel", "filter": {"statsu": "x"}, "expected": 0}) == {"filter.statsu"}
    assert fields({"do": "cancel", "filter": {"status": [True]}, "expected": 0}) == {"filter.status"}
    assert fields({"do": "cancel", "filter": {"status": "faild"}, "expected": 0}) == {"status"}


def test_a_person_of_two_organizations_acts_in_both(client, session: Session, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    """By the session cookie and its form token, as the pages themselves could."""
    from tests import cast as people
    from tests.cast import role_of
    from webapp.access import lifecycle
    from webapp.access.models import User
    from webapp.clock import now
    from webapp.events import SYSTEM

    tasks = [made.task(cast.acme), made.task(cast.globex)]
    lifecycle.join(session.get_one(User, cast.id("oscar")), role_of(cast.globex, "operator"), SYSTEM, now())
    session.commit()
    assert people.name("operator") == "oscar"
    answer = client.login("oscar").post("/api/v1/tasks/bulk", json={"do": "cancel", "ids": [t.uuid for t in tasks]})
    assert answer.json == {"done": 2, "refused": []}
