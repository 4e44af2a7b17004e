"""A spec becomes the form that would make it again, or none at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp.agents import picker
from webapp.db import within
from webapp.tasks import asked, refill
from webapp.tasks.spec import parse

COMMAND: dict[str, Any] = {"type": "execute_command", "data": {"command": "id; uptime"}, "target": {"agents": "anyone"}}
SHOWN: list[dict[str, Any]] = [
    {"type": "plugin", "data": {"plugin_id": "demo"}},
    {"type": "plugin", "data": {"plugin_id": "demo", "input_data": ["a", "b"], "action": "log_showcase"}},
    {"type": "plugin", "data": {"plugin_id": "demo", "kwargs": {"seconds": 2.5, "fail": True, "colours": False}}},
    {"type": "plugin", "data": {"plugin_id": "tcp_ports", "input_data": ["192.0.2.1"], "kwargs": {"ports": "22,80"}}},
    {"type": "plugin", "data": {"plugin_id": "tcp_ports"}, "target": {"object_set": 7}},
    {"type": "plugin", "data": {"plugin_id": "demo"}, "target": {"tags": ["web", "prod"], "match": "all"}},
    COMMAND,
    COMMAND | {"target": {"agents": "all"}},
    COMMAND | {"options": {"retry_on": ["timeout"]}},
    COMMAND | {"options": {"priority": 9, "env": {"A": "b=c"}, "success_exit_codes": [0, 3], "tags": ["x", "y"],
                           "execution_timeout": 60, "run_as": "nobody", "cwd": "/srv"}},
    {"type": "execute_test", "data": {"test": "x", "arch": "arm64", "arguments": ["a b", "c"]}, "target": {"agents": "all"}},
]  # fmt: skip
NOT_SHOWN: list[dict[str, Any]] = [
    {"type": "plugin", "data": {"plugin_id": "no_longer_there"}},
    {"type": "plugin", "data": {"plugin_id": "demo", "input_data": [{"a": 1}]}},
    {"type": "plugin", "data": {"plugin_id": "demo", "args": [1]}},
    {"type": "plugin", "data": {"plugin_id": "tcp_ports"}, "target": {"objects": ["internet|a.example"]}},
    {"type": "execute_command", "data": {"argv": ["id"]}, "target": {"agents": "anyone"}},
    COMMAND | {"target": {"agents": "all", "include_offline": True}},
    {"type": "uninstall", "data": {}, "target": {"agents": "all"}},
]


@pytest.mark.parametrize("body", SHOWN)
def test_the_form_makes_the_same_spec_again(session: Session, cast: Cast, body: dict[str, Any]) -> None:
    spec = parse(body)
    with within(cast.acme):
        form = refill.fields(spec, cast.acme)
    assert form is not None
    again = parse(asked.body(form, form["kind"], picker.chosen(form)))
    assert (again.target, again.options) == (spec.target, spec.options)
    assert {name: value for name, value in again.data.items() if value} == spec.data


@pytest.mark.parametrize("body", NOT_SHOWN)
def test_what_no_field_can_show_is_not_lost_by_showing_it(session: Session, cast: Cast, body: dict[str, Any]) -> None:
    with within(cast.acme):
        assert refill.fields(parse(body), cast.acme) is None


def test_agents_are_ticked_by_their_ids_and_those_that_have_gone_are_not(session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme)
    with within(cast.acme):
        form = refill.fields(parse(COMMAND | {"target": {"agents": [agent.hostname, "gone"]}}), cast.acme)
    assert form is not None and form.getlist("agent") == [agent.uuid]


def test_edit_and_run_begins_with_what_ran_before(client: Browser, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    page = client.login("operator").get(f"/tasks/new?from={task.uuid}").get_data(as_text=True)
    assert f">{task.input}</textarea>" in page
