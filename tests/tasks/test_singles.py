"""The list without batches: single tasks, page by page, in groups of the page, asked again like the other."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.access.models import User
from webapp.tasks import lifecycle
from webapp.tasks.lists.models import SavedView
from webapp.tasks.models import Task

ROW = re.compile(r'<tr id="t-([0-9a-f-]{36})"')
GROUP = re.compile(r'scope="rowgroup">(?:<a [^>]*>)?([\w-]+)')


def shown(client: Browser, query: str) -> list[str]:
    return ROW.findall(client.get(f"/tasks?{query}").text)


def uuids(tasks: list[Task]) -> list[str]:
    return [task.uuid for task in reversed(tasks)]


def test_tasks_of_a_batch_stand_alone_and_come_in_pages(client: Browser, session: Session, cast: Cast) -> None:
    tasks = [made.task(cast.acme), *made.tasks(cast.acme, list("abcdefghij") * 3), made.task(cast.acme)]
    made.task(cast.globex)
    first = client.login("viewer").get("/tasks?group_by=none").text
    assert ROW.findall(first) == uuids(tasks)[:25] and f'"/tasks?group_by=none&amp;after={tasks[-25].id}"' in first
    second = client.get(f"/tasks?group_by=none&after={tasks[-25].id}").text
    assert ROW.findall(second) == uuids(tasks)[25:]
    assert shown(client, f"group_by=none&before={tasks[6].id}") == uuids(tasks)[:25]
    assert shown(client, "group_by=nonsense") == shown(client, "") != shown(client, "group_by=none")


def test_only_the_latest_attempt_of_a_chain_is_shown(client: Browser, session: Session, cast: Cast) -> None:
    failed = made.ended(cast.acme, 1)
    again = lifecycle.retry(failed, made.ANN, clock.now())
    session.commit()
    assert shown(client.login("viewer"), "group_by=none") == [again.uuid]


def test_a_place_that_was_purged_is_still_a_place(client: Browser, session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, list("abc"))
    lifecycle.cancel(tasks[1], made.ANN, clock.now())
    session.execute(sa.delete(Task).where(Task.id == tasks[1].id))
    session.commit()
    assert shown(client.login("viewer"), f"group_by=none&after={tasks[2].id}") == [tasks[0].uuid]
    assert shown(client, "group_by=none&after=0") == []


def test_those_of_one_agent_stand_together_under_its_name(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "web-1"), made.agent(cast.acme, "web-2")
    both = [made.command(cast.acme, {"agents": [host]})[0].uuid for host in ("web-1", "web-2", "web-1")]
    worker = made.task(cast.acme).uuid
    page = client.login("viewer").get("/tasks?group_by=agent").text
    assert GROUP.findall(page) == ["Worker", "web-1", "web-2"]
    assert ROW.findall(page) == [worker, both[2], both[0], both[1]]
    assert 'href="/tasks?agent=web-1&amp;group_by=agent"' in page
    page = client.get("/tasks?group_by=plugin").text
    assert GROUP.findall(page) == ["Demo", "Command"] and ROW.findall(page) == [worker, *reversed(both)]


def test_a_poll_announces_tasks_and_keeps_the_first_page(client: Browser, session: Session, cast: Cast) -> None:
    seen = made.task(cast.acme)
    newer = made.tasks(cast.acme, ["a", "b"])
    answer = client.login("viewer").htmx("GET", f"/tasks?group_by=none&seen={seen.batch_id}").text
    assert ROW.findall(answer) == [seen.uuid] and "2 new · Show" in answer
    assert shown(client, "group_by=none") == [*uuids(newer), seen.uuid]


def test_a_view_remembers_how_its_tasks_are_grouped(client: Browser, session: Session, cast: Cast) -> None:
    form = {"name": "By host", "status": "failed", "group_by": "agent"}
    there = client.login("operator").post("/tasks/views", data=form).location
    assert there == "/tasks?status=failed&group_by=agent"
    assert session.scalars(sa.select(SavedView.query)).one() == "status=failed&group_by=agent"
    assert 'name="group_by" value="agent"' in client.get("/tasks/views/new?group_by=agent").text
    client.post("/tasks/views/default", data={"query": "group_by=none"})
    assert "group_by=none" in [user.prefs.get("tasks") for user in session.scalars(sa.select(User))]


def test_the_filter_form_and_the_pills_keep_the_grouping(client: Browser, session: Session, cast: Cast) -> None:
    made.task(cast.acme)
    page = client.login("viewer").get("/tasks?group_by=plugin").text
    assert '<input type="hidden" name="group_by" value="plugin">' in page
    assert 'href="/tasks?status=failed&amp;group_by=plugin"' in page and 'data-query=""' in page
