"""The demo workspace: tasks that really run, on this machine only. Everything carries the tag `demo`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp.access.models import Organization
from webapp.config import Settings
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.library import lifecycle as library
from webapp.tasks.launch import launch
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger

BY = Actor("system", "Demo")


def fill(settings: Settings, now: datetime) -> None:
    """Inside a unit of work. The broker need not be there: what is queued waits for the first worker."""
    organization_id = db.session.scalar(sa.select(Organization.id).where(Organization.slug == "default"))
    if organization_id is None:
        return
    tests = library.add_examples(settings, organization_id, BY, now)
    with writing_to(organization_id):
        for body in [*bodies(settings), *(test(each.slug) for each in tests)]:
            launch(parse(body | {"options": body.get("options", {}) | {"tags": ["demo"]}}), Trigger.MANUAL, BY, now)


def bodies(settings: Settings) -> list[dict[str, Any]]:
    here = settings.url.rstrip("/")
    return [
        {"data": {"plugin_id": "demo", "input_data": "Hello"}},
        {"data": {"plugin_id": "demo", "input_data": "Log showcase", "action": "log_showcase"}},
        {"data": {"plugin_id": "demo", "input_data": "Fails on purpose", "action": "fail_on_purpose"}},
        {"data": {"plugin_id": "demo", "input_data": "Takes a minute", "kwargs": {"seconds": 60, "lines": 120}}},
        {"data": {"plugin_id": "http_headers", "input_data": f"{here}/login"}},
        {
            "data": {
                "plugin_id": "tcp_ports",
                "input_data": "127.0.0.1",
                "kwargs": {"ports": f"22,80,443,{settings.port}"},
            }
        },
        {"data": {"plugin_id": "demo", "input_data": [f"item {n}" for n in range(1, 9)], "kwargs": {"lines": 12}}},
        command("uname -a; uptime; df -h /", {"agents": "anyone"}),
        command("for n in 1 2 3 4 5; do echo step $n of 5; sleep 1; done", {"agents": "all"}),
    ]


def command(line: str, target: dict[str, Any]) -> dict[str, Any]:
    return {"type": "execute_command", "data": {"command": line}, "target": target}


def test(slug: str) -> dict[str, Any]:
    return {"type": "execute_test", "data": {"test": slug}, "target": {"agents": "anyone"}}
