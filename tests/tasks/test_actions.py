"""What can be done with one task from its row: each verb works, is refused with its reason, and needs its right."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp.tasks import queries
from webapp.tasks.models import Task


def test_a_deleted_task_comes_back_by_the_toast(client: Browser, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    answer = client.login("admin").htmx("POST", f"/tasks/{task.uuid}/delete")
    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]["url"]
    assert queries.by_uuid(task.uuid) is None
    client.htmx("POST", undo)
    assert queries.by_uuid(task.uuid) is not None


def test_a_retry_leads_to_the_new_attempt(client: Browser, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, 1)
    answer = client.login("operator").post(f"/tasks/{task.uuid}/retry")
    assert answer.status_code == 303 and answer.location == f"/tasks/{queries.chain(task)[-1].uuid}"


def test_what_has_ended_stays_and_says_so(client: Browser, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    answer = client.login("operator").htmx("POST", f"/tasks/{task.uuid}/cancel")
    news = json.loads(answer.headers["HX-Trigger"])
    assert answer.status_code == 409 and "finished before" in news["toast"]["text"] and "list:refresh" in news


@pytest.mark.parametrize("verb", ["cancel", "retry", "reschedule", "run-now", "delete", "restore"])
def test_a_viewer_may_do_none_of_it(client: Browser, session: Session, cast: Cast, verb: str) -> None:
    task = made.ended(cast.acme)
    assert client.login("viewer").post(f"/tasks/{task.uuid}/{verb}").status_code == 403
    assert f"/{verb}" not in client.htmx("GET", f"/tasks/{task.uuid}/menu").text


@pytest.mark.parametrize("verb", ["retry", "reschedule"])
def test_on_its_own_page_it_leads_to_what_was_made(client: Browser, session: Session, cast: Cast, verb: str) -> None:
    task = made.ended(cast.acme, 1)
    at = {"HX-Current-URL": f"http://localhost/tasks/{task.uuid}?tab=notes"}
    answer = client.login("operator").htmx("POST", f"/tasks/{task.uuid}/{verb}", headers=at)
    newest = session.scalars(sa.select(Task).order_by(Task.id.desc()).limit(1)).one()
    assert newest.uuid != task.uuid and answer.headers["HX-Redirect"] == f"/tasks/{newest.uuid}"
    assert "queued" in client.get(answer.headers["HX-Redirect"]).text


def test_on_its_own_page_a_deleted_task_leads_to_the_list_with_a_way_back(
    client: Browser, session: Session, cast: Cast
) -> None:
    task = made.ended(cast.acme)
    at = {"HX-Current-URL": f"http://localhost/tasks/{task.uuid}"}
    answer = client.login("admin").htmx("POST", f"/tasks/{task.uuid}/delete", headers=at)
    assert answer.headers["HX-Redirect"] == "/tasks"
    assert f'formaction="/tasks/{task.uuid}/restore"' in client.get("/tasks").text
