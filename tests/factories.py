"""Rows for tests, made by the verbs. To be called in a session over all organisations (fixture `session`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import count

from tests import cast
from webapp import clock
from webapp.access import lifecycle, passwords, tokens
from webapp.access.models import Organization, Role, Token, User
from webapp.access.permissions import Permission
from webapp.db import db
from webapp.events import SYSTEM

numbers = count(1)


def organization(slug: str = "") -> Organization:
    slug = slug or f"org-{next(numbers)}"
    return lifecycle.create_organization(slug, slug.capitalize(), SYSTEM, clock.now())


def user(username: str = "", organization_id: int | None = None, role: str = "viewer", **facts: bool) -> User:
    made = lifecycle.create_user(
        username or f"user-{next(numbers)}", passwords.hashed(cast.PASSWORD), SYSTEM, clock.now(), **facts
    )
    if organization_id:
        lifecycle.join(made, cast.role_of(organization_id, role), SYSTEM, clock.now())
    return made


def role(organization_id: int, permissions: Iterable[Permission], name: str = "") -> Role:
    return lifecycle.create_role(organization_id, name or f"Role {next(numbers)}", permissions, SYSTEM, clock.now())


def token(
    user_id: int, organization_id: int, permissions: Iterable[Permission], life: timedelta | None = None
) -> tuple[str, Token]:
    """The text that a program sends, and the row."""
    now = clock.now()
    owner = db.session.get_one(User, user_id)
    expires_at = now + life if life is not None else None
    text = tokens.issue(owner, organization_id, f"token-{next(numbers)}", permissions, expires_at, SYSTEM, now)
    return text, db.session.get_one(Token, int(text.split("_")[1]))
