"""The list of tasks: what it shows to whom, by which filter, and how it is asked again."""

from __future__ import annotations

import json
from html import unescape

from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made as schedules
from tests.tasks import made
from webapp import clock


def test_a_task_is_a_row_and_several_are_a_batch(client: Browser, session: Session, cast: Cast) -> None:
    alone = made.task(cast.acme)
    made.tasks(cast.acme, ["a", "b", "c"])
    page = client.login("viewer").get("/tasks").text
    assert f'id="t-{alone.uuid}"' in page and "3 queued" in page and "0/3" in page


def test_a_foreign_task_is_not_shown(client: Browser, session: Session, cast: Cast) -> None:
    theirs = made.task(cast.globex)
    assert theirs.uuid not in client.login("admin").get("/tasks").text


def test_a_filter_selects_and_is_told(client: Browser, session: Session, cast: Cast) -> None:
    good, failed = made.ended(cast.acme), made.ended(cast.acme, 1)
    page = client.login("viewer").get("/tasks?status=failed").text
    assert failed.uuid in page and good.uuid not in page and "Status: Failed" in page


def test_a_filter_that_cannot_be_understood_leaves_the_list_alone(client: Browser, session: Session) -> None:
    answer = client.login("viewer").htmx("GET", "/tasks?q=statsu:failed")
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#q-msg")
    assert "Did you mean status?" in answer.text


def test_a_page_with_such_a_filter_says_so_where_the_list_would_stand(client: Browser, session: Session) -> None:
    page = client.login("viewer").get("/tasks?q=statsu:failed")
    listed = page.text[page.text.index('id="tasks"') :]
    assert page.status_code == 422 and "Did you mean status?" in listed and "No tasks match" not in listed


def test_the_first_poll_of_a_page_finds_it_unchanged(client: Browser, session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    page = client.login("viewer").get("/tasks").text
    tag = unescape(page.split("data-tag='")[1].split("'")[0])
    url = unescape(page.split('id="tasks"')[1].split('hx-get="/tasks?')[1].split('"')[0])
    assert client.htmx("GET", f"/tasks?{url}", headers={"If-None-Match": tag}).status_code == 304


def test_newer_ones_are_announced_and_not_inserted(client: Browser, session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    seen = made.task(cast.acme).batch_id
    newer = made.task(cast.acme)
    answer = client.login("viewer").htmx("GET", f"/tasks?seen={seen}")
    assert "1 new · Show" in answer.text and newer.uuid not in answer.text
    assert json.loads(answer.headers["HX-Trigger"])["counts"]["running"] == 0


def test_a_page_that_shows_all_says_how_many_match(client: Browser, session: Session, cast: Cast) -> None:
    made.ended(cast.acme)
    made.tasks(cast.acme, ["alpha", "beta", "gamma"])
    asked = (("q=alpha", 1), ("plugin=demo&status=pending", 3), ("q=nowhere", 0), ("plugin=demo&group_by=none", 4))
    for query, total in asked:
        assert f'data-total="{total}"' in client.login("viewer").get(f"/tasks?{query}").text, query


def test_pages_go_on_where_the_last_one_ended(client: Browser, session: Session, cast: Cast) -> None:
    tasks = [made.task(cast.acme) for _ in range(27)]
    first = client.login("viewer").get("/tasks").text
    older = client.get(f"/tasks?after={tasks[2].batch_id}").text
    assert tasks[2].uuid in first and tasks[1].uuid not in first and tasks[1].uuid in older


def test_who_may_change_nothing_may_select_what_to_export_and_nothing_else(
    client: Browser, session: Session, cast: Cast
) -> None:
    made.task(cast.acme)
    page = client.login("viewer").get("/tasks").text
    assert 'name="ids"' in page and 'formaction="/tasks/export.csv"' in page and 'name="do"' not in page
    assert 'name="do"' in client.login("operator").get("/tasks").text


def test_a_batch_opens_to_its_failed_tasks_first(client: Browser, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, ["first", "second"])
    client.login("viewer")
    answer = client.htmx("GET", f"/tasks/batches/{tasks[0].batch.uuid}?in=list")
    assert answer.status_code == 200 and "first" in answer.text and "second" in answer.text


def test_columns_and_views_are_kept(client: Browser, session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    client.login("operator").post("/tasks/columns", data={"column": ["by"]})
    client.post("/tasks/views", data={"name": "Broken", "status": "failed", "shared": "on"})
    page = client.get("/tasks").text
    assert "Created by</th>" in page and "Duration</th>" not in page and "Broken" in page
    assert "Broken" in client.login("viewer").get("/tasks").text


def test_an_empty_list_says_why(client: Browser, session: Session, cast: Cast) -> None:
    assert "No tasks yet." in client.login("operator").get("/tasks").text
    made.task(cast.acme)
    assert "No tasks match these filters." in client.get("/tasks?status=failed").text


def test_the_filter_by_schedule_is_told_and_offered_by_its_name(client: Browser, session: Session, cast: Cast) -> None:
    hourly = schedules.schedule(cast.acme, {"kind": "interval", "every": "1h"}, clock.now(), name="Hourly <look>")
    made.task(cast.acme).schedule_id = hourly.id
    other = made.task(cast.acme)
    session.commit()
    page = client.login("viewer").get(f"/tasks?schedule={hourly.id}").text
    assert "Schedule: Hourly &lt;look&gt;" in page and other.uuid not in page
    offered = client.htmx("GET", f"/tasks/choices?of=more&schedule={hourly.id}").text
    assert f'<option value="{hourly.id}" selected>Hourly &lt;look&gt;</option>' in offered
    assert "Schedule: 99" in client.get("/tasks?schedule=99").text
    assert "Hourly" not in client.login("foreign").get(f"/tasks?schedule={hourly.id}").text
