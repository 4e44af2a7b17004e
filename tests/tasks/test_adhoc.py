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


def test_lines_end_as_a_shell_reads_them(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "a")
    client.login("operator").post("/adhoc", data={"command": "for i in 1 2; do\r\necho $i\r\ndone", "mode": "all"})
    assert session.scalars(sa.select(Task)).one().data["command"] == "for i in 1 2; do\necho $i\ndone"


def test_the_button_names_what_will_happen(client: Browser, session: Session, cast: Cast) -> None:
    """Also as the agents are asked for again, in the words that the page's script copies."""
    a, b = made.agent(cast.acme, "a"), made.agent(cast.acme, "b")
    client.login("operator")
    assert ">Run</button>" in client.get("/adhoc").text
    assert ">Run on 2 hosts</button>" in client.get(f"/adhoc?agent={a.uuid}&agent={b.uuid}").text
    assert ">Run on one host</button>" in client.get("/adhoc?mode=anyone").text
    assert 'data-run="Run on 1 host"' in client.htmx("GET", f"/agents/options?agent={a.uuid}").text


def test_a_dry_run_shows_the_targets_and_runs_nothing(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "able"), made.agent(cast.acme, "unable", capabilities=[])
    form = {"command": "uptime", "mode": "all"}
    page = client.login("operator").post("/adhoc/targets", data=form).text
    assert "Nothing has run yet." in page and "1 host would run it" in page and ">uptime</textarea>" in page
    assert "unable does not run commands" in page
    fragment = client.htmx("POST", "/adhoc/targets", data=form).text
    assert fragment.startswith('<section id="targets"') and ">able</a>" in fragment
    assert session.scalar(sa.select(sa.func.count()).select_from(Task)) == 0


def test_a_run_is_offered_again_and_never_filled_in_by_itself(client: Browser, session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "a")
    form = {"command": "uptime", "agent": agent.uuid, "execution_timeout": "90", "run_as": "web"}
    uuid = client.login("operator").post("/adhoc", data=form).headers["Location"].rpartition("/")[2]
    page = client.get("/adhoc").text
    assert "uptime</textarea>" not in page and f'id="repeat" href="/adhoc/?from={uuid}"' in page
    assert "1 queued" in page and "1 host · oscar" in page
    again = client.get(f"/adhoc?from={uuid}").text
    assert ">uptime</textarea>" in again and ">Run on 1 host</button>" in again
    assert 'value="90"' in again and 'name="run_as" value="web"' in again
    assert client.login("foreign").get(f"/adhoc?from={uuid}").status_code == 404


def test_ones_own_commands_are_remembered_once_each(client: Browser, session: Session, cast: Cast) -> None:
    made.agent(cast.acme, "a")
    for who, line in (("operator", "uptime"), ("operator", "it's <b>"), ("operator", "uptime"), ("admin", "hostname")):
        client.login(who).post("/adhoc", data={"command": line, "mode": "all"})
    page = client.login("operator").get("/adhoc").text
    assert """data-before='["uptime", "it\\u0027s \\u003cb\\u003e"]'""" in page


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
