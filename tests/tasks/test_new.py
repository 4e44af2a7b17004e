"""Making tasks by the form: what it offers, what it makes, and what it says when something is missing."""

from __future__ import annotations

from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp.tasks.models import Task


def tasks(session: Session) -> list[Task]:
    return list(session.scalars(sa.select(Task).order_by(Task.id)))


def test_a_plugins_parameters_are_fields(client: Browser, session: Session) -> None:
    page = client.login("operator").get("/tasks/new?plugin=tcp_ports").get_data(as_text=True)
    assert 'name="p_ports"' in page and "One a line: each becomes a task" in page and "Create task" in page


def test_each_line_becomes_a_task(client: Browser, session: Session, cast: Cast) -> None:
    form = {
        "kind": "plugin",
        "plugin": "tcp_ports",
        "inputs": "a.example\nb.example",
        "p_ports": "80",
        "o_priority": "7",
        "o_max_retries": "2",
        "o_retry_on": "timeout, exit_code",
    }
    answer = client.login("operator").post("/tasks/new", data=form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    found = tasks(session)
    assert [t.input for t in found] == ["a.example", "b.example"] and {t.priority for t in found} == {7}
    assert (found[0].max_retries, found[0].options["retry_on"]) == (2, ["timeout", "exit_code"])
    assert found[0].data["kwargs"] == {"ports": "80"} and found[0].created_by == "oscar"


def test_in_the_dialog_it_closes_and_the_list_comes_anew(client: Browser, session: Session) -> None:
    answer = client.login("operator").htmx("POST", "/tasks/new", data={"kind": "plugin", "plugin": "demo"})
    news = answer.headers["HX-Trigger"]
    assert answer.status_code == 204 and "dialog:close" in news and "list:refresh" in news and "1 task created" in news


@pytest.mark.parametrize(("form", "field", "text"), [
    ({"kind": "plugin", "plugin": "nope"}, "plugin", "There is no plugin"),
    ({"kind": "plugin", "plugin": "tcp_ports"}, "inputs", "Enter a hostname"),
    ({"kind": "plugin", "plugin": "tcp_ports", "inputs": "a b c"}, "inputs", "Enter a hostname"),
    ({"kind": "plugin", "plugin": "demo", "p_lines": "many"}, "p_lines", "Enter a whole number"),
    ({"kind": "plugin", "plugin": "demo", "o_priority": "eleven"}, "o_priority", "Enter a whole number"),
    ({"kind": "plugin", "plugin": "demo", "o_execution_timeout": "soon"}, "o_execution_timeout", "Enter a length like 90s"),
    ({"kind": "plugin", "plugin": "demo", "o_retry_on": "timeot"}, "o_retry_on", "Did you mean timeout?"),
    ({"kind": "execute_command", "command": "", "mode": "anyone"}, "command", "Enter the command to run"),
    ({"kind": "execute_command", "command": "x", "mode": "agents"}, "where", "Select at least one agent"),
    ({"kind": "execute_test", "test": "", "mode": "anyone"}, "test", "Choose a test"),
])  # fmt: skip
def test_an_error_stands_at_its_field_and_what_was_typed_stays(
    client: Browser, session: Session, form: dict[str, str], field: str, text: str
) -> None:
    answer = client.login("operator").post("/tasks/new", data=form | {"o_tags": "kept-as-typed"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "There is a problem" in page and text in page
    assert f'href="#{field}"' in page and "kept-as-typed" in page
    assert tasks(session) == []


def test_a_form_that_is_sent_twice_makes_one_batch(client: Browser, session: Session) -> None:
    form = {"kind": "plugin", "plugin": "demo", "once": str(uuid4())}
    first = client.login("operator").post("/tasks/new", data=form)
    assert client.post("/tasks/new", data=form).headers["Location"] == first.headers["Location"]
    assert len(tasks(session)) == 1


def test_a_command_on_chosen_agents(client: Browser, session: Session, cast: Cast) -> None:
    agents = [made.agent(cast.acme, name) for name in ("a", "b", "c")]
    form = {
        "kind": "execute_command",
        "command": "uptime",
        "mode": "agents",
        "agent": [a.uuid for a in agents[:2]],
        "o_env": "A=1\nB=x=y",
    }
    assert client.login("operator").post("/tasks/new", data=form).status_code == 303
    found = tasks(session)
    assert [t.agent_name for t in found] == ["a", "b"] and found[0].options["env"] == {"A": "1", "B": "x=y"}


def test_rights(client: Browser, session: Session) -> None:
    assert client.login("viewer").get("/tasks/new").status_code == 403
    assert client.post("/tasks/new", data={"kind": "plugin", "plugin": "demo"}).status_code == 403
    assert tasks(session) == []
