"""For each parameter of a URL: how to make something in an organisation that it names.

The test of all routes asks for the thing of one's own organisation and of a foreign one. A feature adds its
parameters here; a route with an unknown one fails the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from tests import factories
from tests.tasks import made
from webapp import clock
from webapp.access import sessions
from webapp.access.facts import hashed
from webapp.access.models import Membership, Organization
from webapp.access.permissions import Permission
from webapp.db import db
from webapp.tasks.models import Batch


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
    "batch_id": batch_id,
    "token": nothing,  # of a password link: signed, so it belongs to no organisation
    "path": lambda _organization_id: "app.css",
}

# Things of one person alone: even an admin of the same organisation is answered as if they were not there.
PERSONAL = {"session_id", "token_id"}
