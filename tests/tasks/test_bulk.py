"""One verb on many: ticked ones, batches, all that match; each refusal is told; many become an operation."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.tasks import queries
from webapp.tasks.bulk import operations
from webapp.tasks.bulk.models import Operation
from webapp.tasks.models import Batch, Task


def statuses(session: Session) -> list[str]:
    session.expire_all()
    return list(session.scalars(sa.select(Task.status).order_by(Task.id)))


def toast(answer: object) -> str:
    return str(json.loads(answer.headers["HX-Trigger"])["toast"]["text"])  # type: ignore[attr-defined]


def test_ticked_ones_are_cancelled_and_what_could_not_be_is_told(client: Browser, session: Session, cast: Cast) -> None:
    ended = made.ended(cast.acme)  # first: it claims the oldest that waits
    waiting, other = made.tasks(cast.acme, ["a", "b"])
    answer = client.login("operator").htmx(
        "POST", "/tasks/bulk", data={"do": "cancel", "ids": [waiting.uuid, ended.uuid]}
    )
    assert toast(answer).startswith("1 cancelled, 1 not: This task finished")
    assert json.loads(answer.headers["HX-Trigger"])["list:refresh"]["keep"] == [ended.uuid]
    assert statuses(session) == ["completed", "cancelled", "pending"] and other.id


def test_a_ticked_batch_stands_for_its_tasks(client: Browser, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, ["a", "b", "c"])
    batch = session.get_one(Batch, tasks[0].batch_id)
    client.login("operator").htmx("POST", "/tasks/bulk", data={"do": "cancel", "ids": [f"{batch.uuid}*3"]})
    assert statuses(session) == ["cancelled"] * 3


def test_all_that_match_and_not_more_than_were_seen(client: Browser, session: Session, cast: Cast) -> None:
    made.ended(cast.acme)
    made.tasks(cast.acme, list("abc"))
    form = {"do": "cancel", "scope": "matching", "query": "status=pending", "expected": "1"}
    answer = client.login("operator").htmx("POST", "/tasks/bulk", data=form)
    assert answer.status_code == 409 and statuses(session).count("cancelled") == 0
    client.htmx("POST", "/tasks/bulk", data=form | {"expected": "3"})
    assert statuses(session) == ["completed"] + ["cancelled"] * 3


def test_only_the_failed_ones_run_again(client: Browser, session: Session, cast: Cast) -> None:
    good, failed = made.ended(cast.acme), made.ended(cast.acme, 1)
    client.login("operator").htmx("POST", "/tasks/bulk", data={"do": "retry_failed", "ids": [failed.uuid, good.uuid]})
    assert len(queries.chain(failed)) == 2 and len(queries.chain(good)) == 1


def test_what_has_ended_is_scheduled_again(client: Browser, session: Session, cast: Cast) -> None:
    ended, waiting = made.ended(cast.acme), made.task(cast.acme)
    assert 'value="reschedule"' in client.login("operator").get("/tasks").text
    form = {"do": "reschedule", "ids": [ended.uuid, waiting.uuid]}
    assert toast(client.htmx("POST", "/tasks/bulk", data=form)).startswith("1 rescheduled, 1 not")
    assert session.scalar(sa.select(Task.status).where(Task.rescheduled_from_id == ended.id)) == "pending"


def test_many_are_an_operation_that_ends_and_tells(client: Browser, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, [str(n) for n in range(250)])
    form = {"do": "cancel", "scope": "matching", "query": "status=pending", "expected": "250"}
    answer = client.login("operator").post("/tasks/bulk", data=form)
    assert answer.status_code == 303 and "/operations/" in answer.headers["Location"]
    assert statuses(session).count("cancelled") == 0
    assert [operations.advance(clock.now()) for _ in range(3)] == [200, 50, 0]
    session.commit()
    assert statuses(session) == ["cancelled"] * 250
    assert "250 cancelled" in client.get(answer.headers["Location"]).get_data(as_text=True)


def test_a_deletion_can_be_taken_back(client: Browser, session: Session, cast: Cast) -> None:
    tasks = [made.ended(cast.acme) for _ in range(51)]
    answer = client.login("admin").post("/tasks/bulk", data={"do": "delete", "ids": [t.uuid for t in tasks]})
    operations.advance(clock.now())
    session.commit()
    assert queries.by_uuid(tasks[0].uuid) is None
    client.post(answer.headers["Location"] + "/undo")
    operations.advance(clock.now())
    session.commit()
    assert queries.by_uuid(tasks[0].uuid) is not None


@pytest.mark.parametrize(("who", "do", "status"), [
    ("viewer", "cancel", 403), ("operator", "delete", 403), ("operator", "dance", 422), ("operator", "cancel", 204),
])  # fmt: skip
def test_each_verb_wants_its_own_permission(
    client: Browser, session: Session, cast: Cast, who: str, do: str, status: int
) -> None:
    task = made.task(cast.acme)
    answer = client.login(who).htmx("POST", "/tasks/bulk", data={"do": do, "ids": [task.uuid]})
    assert answer.status_code == status


def test_a_foreign_task_is_answered_like_none(client: Browser, session: Session, cast: Cast) -> None:
    theirs = made.task(cast.globex)
    answer = client.login("operator").htmx("POST", "/tasks/bulk", data={"do": "cancel", "ids": [theirs.uuid]})
    assert "There is no such task" in toast(answer)
    assert statuses(session) == ["pending"] and session.scalar(sa.select(Operation.id)) is None
