"""For each parameter of a URL: how to make something in an organisation that it names.

The test of all routes asks for the thing of one's own organisation and of a foreign one. A feature adds its
parameters here; a route with an unknown one fails the test.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import current_app

from tests import factories
from tests.tasks import made
from webapp import clock
from webapp.access import sessions
from webapp.access.facts import hashed
from webapp.access.models import Membership, Organization
from webapp.access.permissions import Permission
from webapp.agents import enrolment
from webapp.calendars import lifecycle as calendars
from webapp.db import db, writing_to
from webapp.events import SYSTEM
from webapp.files import lifecycle as files
from webapp.library import lifecycle as library
from webapp.library.models import Test
from webapp.objects import lifecycle as objects
from webapp.objects import sets
from webapp.objects.lifecycle import Seen
from webapp.objects.models import Object
from webapp.schedules import draft, slots
from webapp.schedules import lifecycle as schedules
from webapp.schedules.models import Schedule
from webapp.schedules.states import End
from webapp.tasks import limits
from webapp.tasks.bulk import operations
from webapp.tasks.lists import saved
from webapp.tasks.models import Batch
from webapp.tasks.notes import lifecycle as notes


def username(organization_id: int) -> str:
    return factories.user(organization_id=organization_id).username


def membership_id(organization_id: int) -> int:
    user = factories.user(organization_id=organization_id)
    return db.session.scalars(sa.select(Membership.id).where(Membership.user_id == user.id)).one()


def role_id(organization_id: int) -> int:
    return factories.role(organization_id, [Permission.TASKS_READ]).id


def slug(organization_id: int) -> str:
    return db.session.get_one(Organization, organization_id).slug


def session_id(organization_id: int) -> str:
    user = factories.user(organization_id=organization_id)
    return hashed(sessions.start(user, "127.0.0.1", "elsewhere", clock.now()))


def token_id(organization_id: int) -> int:
    user = factories.user(organization_id=organization_id)
    return factories.token(user.id, organization_id, [Permission.TASKS_READ])[1].id


def task_id(organization_id: int) -> str:
    return made.task(organization_id).uuid


def batch_id(organization_id: int) -> str:
    return db.session.get_one(Batch, made.task(organization_id).batch_id).uuid


def note_id(organization_id: int) -> int:
    task = made.task(organization_id)
    with writing_to(organization_id):
        return notes.add(task, "Look at the disk", SYSTEM, clock.now()).id


def file_id(organization_id: int) -> str:
    facts = {"name": "scan.xml", "type": "nmap", "by": SYSTEM, "now": clock.now()}
    data = current_app.extensions["settings"].data
    return files.add(data, io.BytesIO(b"<nmaprun/>"), organization_id=organization_id, **facts).uuid


def object_id(organization_id: int) -> int:
    seen = Seen("hostname", f"internet|host-{next(factories.numbers)}.example", {"network": "internet"})
    with writing_to(organization_id):
        objects.see(organization_id, [seen], clock.now())
    return db.session.scalars(sa.select(Object.id).where(Object.key == seen.key)).one()


def limit_name(organization_id: int) -> str:
    name = f"limit-{next(factories.numbers)}"
    with writing_to(organization_id):
        limits.create(organization_id, name, 2, SYSTEM, clock.now())
    return name


def agent_id(organization_id: int) -> str:
    return made.agent(organization_id).uuid


def key(organization_id: int) -> str:
    return enrolment.create_token(organization_id, SYSTEM, clock.now())[1].key


def test_id(organization_id: int) -> int:
    return library.add_test(organization_id, f"test-{next(factories.numbers)}", "A test", SYSTEM, clock.now()).id


def build_id(organization_id: int) -> str:
    test = db.session.get_one(Test, test_id(organization_id))
    data = current_app.extensions["settings"].data
    return library.upload(test, io.BytesIO(b"#!/bin/sh\nexit 1\n"), data, SYSTEM, clock.now()).uuid


def operation_id(organization_id: int) -> str:
    with writing_to(organization_id):
        return operations.start("cancel", [made.task(organization_id).uuid], organization_id, SYSTEM, clock.now()).uuid


def view_id(organization_id: int) -> int:
    user = factories.user(organization_id=organization_id)
    view = saved.save(
        f"View {next(factories.numbers)}", "status=failed", False, organization_id, user.id, SYSTEM, clock.now()
    )
    db.session.flush()
    return view.id


def schedule_id(organization_id: int) -> int:
    spec = {"type": "plugin", "data": {"plugin_id": "demo"}}
    with writing_to(organization_id):
        given = {"spec": spec, "rule": {"kind": "times", "at": ["09:00"]}}
        made_one = schedules.create(draft.read(given, clock.now()), SYSTEM, clock.now())
    db.session.flush()
    return made_one.id


def calendar_id(organization_id: int) -> int:
    with writing_to(organization_id):
        name = f"Calendar {next(factories.numbers)}"
        return calendars.create(calendars.Draft(name, "skip", [5, 6]), SYSTEM, clock.now()).id


def slot_id(organization_id: int) -> int:
    schedule = db.session.get_one(Schedule, schedule_id(organization_id))
    at = schedule.next_run_at or clock.now()
    found = slots.insert(schedule, at, End.MISSED, clock.now(), reason="late")
    assert found
    return found


def set_id(organization_id: int) -> int:
    with writing_to(organization_id):
        given = {"name": f"Set {next(factories.numbers)}", "type": "hostname", "query": "*"}
        return sets.create(given, SYSTEM, clock.now()).id


def nothing(_organization_id: int) -> str:
    return "nothing"


SAMPLES: dict[str, Callable[[int], Any]] = {
    "username": username,
    "membership_id": membership_id,
    "role_id": role_id,
    "slug": slug,
    "session_id": session_id,
    "token_id": token_id,
    "task_id": task_id,
    "schedule_id": schedule_id,
    "calendar_id": calendar_id,
    "slot_id": slot_id,
    "set_id": set_id,
    "agent_id": agent_id,
    "key": key,
    "test_id": test_id,
    "build_id": build_id,
    "operation_id": operation_id,
    "view_id": view_id,
    "form": lambda _organization_id: "csv",
    "verb": lambda _organization_id: "disable",  # one that each of these routes knows
    "removal": lambda _organization_id: "revoke",
    "batch_id": batch_id,
    "note_id": note_id,
    "file_id": file_id,
    "object_type": lambda _organization_id: "hostname",
    "object_id": object_id,
    "plugin_id": lambda _organization_id: "reverse_dns",  # it is switched off, and tasks are made of demo
    "limit_name": limit_name,
    "number": lambda _organization_id: 1,  # of an agent's file; agents have keys of their own, see tests/agent_api
    "download_id": nothing,
    "token": nothing,  # of a password link: signed, so it belongs to no organisation
    "path": lambda _organization_id: "app.css",
    "document_name": lambda _organization_id: "concepts",
}

# Things of one person alone: even an admin of the same organisation is answered as if they were not there.
PERSONAL = {"session_id", "token_id", "view_id"}

# Things of the installation: nobody's in particular, so no organisation is foreign to them.
SHARED = {"object_type", "plugin_id", "form", "document_name"}
