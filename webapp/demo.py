"""The demo workspace: tasks that really run, on this machine only. Everything carries the tag `demo`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webapp.access.models import Organization
from webapp.calendars import holidays
from webapp.calendars import lifecycle as calendars
from webapp.config import Settings
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.library import lifecycle as library
from webapp.objects import sets
from webapp.schedules import draft
from webapp.schedules import lifecycle as schedules
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
            launch(parse(tagged(body)), Trigger.MANUAL, BY, now)
        sets.create(
            {"name": "This machine", "type": "ipaddress", "picked": ["internet|127.0.0.1", "internet|::1"]}, BY, now
        )
        closed = holiday_calendar(now)
        every_five_minutes(now)
        in_business_hours(settings, closed, now)


def tagged(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"options": body.get("options", {}) | {"tags": ["demo"]}}


def holiday_calendar(now: datetime) -> int:
    calendar = calendars.create(calendars.Draft("Holidays in the Netherlands", "skip", []), BY, now)
    taken = holidays.snapshot("NL", range(now.year, now.year + 3))
    calendars.add(calendar, taken.days, taken.source, BY, now)
    return calendar.id


def every_five_minutes(now: datetime) -> None:
    """It ends by itself: a demo must not run for years because somebody forgot it."""
    wanted = {
        "name": "Hello every 5 minutes", "rule": {"kind": "interval", "every": "5m"}, "misfire": "skip",
        "end": (now + timedelta(days=3)).replace(microsecond=0).isoformat(),
        "spec": tagged({"data": {"plugin_id": "demo", "input_data": ["Hello again"], "kwargs": {"lines": 12}}}),
    }  # fmt: skip
    schedules.create(draft.read(wanted, now), BY, now)


def in_business_hours(settings: Settings, calendar: int, now: datetime) -> None:
    wanted = {
        "name": "Web check in business hours", "rule": {"kind": "random"}, "timezone": "Europe/Amsterdam",
        "calendar": str(calendar),
        "spec": tagged({"data": {"plugin_id": "http_headers", "input_data": [f"{settings.url.rstrip('/')}/login"]}}),
    }  # fmt: skip
    paused = schedules.create(draft.read(wanted, now), BY, now)
    schedules.pause(paused, BY, now, "Resume it to see one run a day, each weekday at another time")


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
