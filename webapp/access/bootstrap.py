"""The first start: an organisation, its roles, and somebody who can let others in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from webapp.access import lifecycle, passwords
from webapp.access.models import Organization, Role, User
from webapp.config import Settings
from webapp.db import db
from webapp.events import SYSTEM

ADMIN = "admin"


@dataclass(frozen=True)
class First:
    """`password` is given only when it was made up here: it must be shown now or never."""

    username: str
    password: str | None


def bootstrap(settings: Settings, now: datetime) -> First | None:
    """Inside a unit of work, which commits it. None when the database already has people."""
    if db.session.scalar(sa.select(sa.func.count(User.id))):
        return None
    made_up = "" if settings.admin_password else passwords.random()
    organization = db.session.scalar(sa.select(Organization).where(Organization.slug == "default"))
    organization = organization or lifecycle.create_organization("default", "Default", SYSTEM, now)
    password_hash = passwords.hashed(settings.admin_password or made_up)
    user = lifecycle.create_user(
        ADMIN, password_hash, SYSTEM, now, name="Administrator", superadmin=True, must_change=bool(made_up)
    )
    role = db.session.scalars(
        sa.select(Role).where(Role.organization_id == organization.id, Role.builtin == "admin")
    ).one()
    lifecycle.join(user, role, SYSTEM, now)
    return First(ADMIN, made_up or None)
