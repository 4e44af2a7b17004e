"""One command on many hosts: chosen, refused at its field, run, and its answers grouped."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp.config import Settings
from webapp.tasks.log import output, outputs
from webapp.tasks.models import Task


def test_a_command_for_all_makes_a_task_for_each_and_shows_them(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "a"), made.agent(cast.acme, "b")
    answer = client.login("operator").post("/adhoc", data={"command": "uptime", "mode": "all"})
    assert answer.status_code == 303
    tasks = session.scalars(sa.select(Task)).all()
    assert sorted(t.agent_name for t in tasks) == ["a", "b"] and {t.trigger for t in tasks} == {"adhoc"}
    page = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "2 still on their way" in page


@pytest.mark.parametrize(("form", "text"), [
    ({"command": "", "mode": "all"}, "Enter the command to run"),
    ({"command": "x", "mode": "agents"}, "Select at least one agent"),
    ({"command": "x", "mode": "agents", "agent": "ghost"}, "There is no agent"),
    ({"command": "x", "mode": "all", "execution_timeout": "soon"}, "Enter a length like 90s"),
])  # fmt: skip
def test_what_cannot_run_comes_back_with_its_error_and_what_was_typed(
    client: Browser, session: Session, cast: Cast, form: dict[str, str], text: str
) -> None:
    made.agent(cast.acme, "a")
    answer = client.login("operator").post("/adhoc", data=form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and text in page and "There is a problem" in page
    assert session.scalar(sa.select(sa.func.count()).select_from(Task)) == 0


def test_many_hosts_want_their_number_typed(client: Browser, session: Session, cast: Cast) -> None:
    for number in range(51):
        made.agent(cast.acme, f"h{number}")
    answer = client.login("operator").post("/adhoc", data={"command": "x", "mode": "all"})
    assert answer.status_code == 422 and "Type 51 to confirm" in answer.get_data(as_text=True)
    assert client.post("/adhoc", data={"command": "x", "mode": "all", "sure": "51"}).status_code == 303


def test_viewers_have_no_such_page(client: Browser, session: Session) -> None:
    assert client.login("viewer").get("/adhoc").status_code == 403
    assert 'href="/adhoc"' not in client.get("/tasks").get_data(as_text=True)


def test_equal_answers_are_one_group(session: Session, cast: Cast, settings: Settings) -> None:
    tasks = [made.ended(cast.acme) for _ in range(3)]
    for task, text in zip(tasks, (b"same\n", b"same\n", b"other\n"), strict=True):
        _said(settings.data, task, text)
    groups = outputs.grouped(tasks, settings.data)
    assert [len(group.tasks) for group in groups] == [2, 1] and groups[0].text == "same"
    assert outputs.summary(groups) == "2 identical, 1 differ"
    assert outputs.summary(groups[:1]) == "All 2 identical"
    assert outputs.summary(groups[1:]) == "One output"


def _said(data: Path, task: Task, text: bytes) -> None:
    output.append(output.folder(data, task.uuid), "stdout", 0, text, at_ms=1)
