"""The people of the tests: two organisations, everybody with the same password.

alice, oscar and vera are admin, operator and viewer of Acme; bea is operator there and viewer of Globex; mallory is
admin of Globex and nobody in Acme; sid is superadmin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa

from webapp.access import lifecycle, passwords
from webapp.access.models import Role
from webapp.db import db
from webapp.events import SYSTEM

PASSWORD = "seven wooden ladders"
BEGUN = datetime(2026, 11, 21, 7, 0, tzinfo=UTC)

PEOPLE = {
    "alice": {"acme": "admin"},
    "oscar": {"acme": "operator"},
    "vera": {"acme": "viewer"},
    "bea": {"acme": "operator", "globex": "viewer"},
    "mallory": {"globex": "admin"},
    "sid": {},
}
BY_ROLE = {"admin": "alice", "operator": "oscar", "viewer": "vera", "superadmin": "sid", "foreign": "mallory"}


@dataclass
class Cast:
    """Ids, which are the same in every copy of the database."""

    organizations: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)

    @property
    def acme(self) -> int:
        return self.organizations["acme"]

    @property
    def globex(self) -> int:
        return self.organizations["globex"]

    def id(self, who: str) -> int:
        return self.users[name(who)]


def name(who: str) -> str:
    """`operator` and `oscar` are the same person."""
    return BY_ROLE.get(who, who)


def build() -> Cast:
    made = Cast()
    for slug in ("acme", "globex"):
        made.organizations[slug] = lifecycle.create_organization(slug, slug.capitalize(), SYSTEM, BEGUN).id
    password_hash = passwords.hashed(PASSWORD)
    for username, memberships in PEOPLE.items():
        user = lifecycle.create_user(
            username, password_hash, SYSTEM, BEGUN, name=username.capitalize(), superadmin=username == "sid"
        )
        made.users[username] = user.id
        for slug, role in memberships.items():
            lifecycle.join(user, role_of(made.organizations[slug], role), SYSTEM, BEGUN)
    return made


def role_of(organization_id: int, builtin: str) -> Role:
    return db.session.scalars(
        sa.select(Role).where(Role.organization_id == organization_id, Role.builtin == builtin)
    ).one()
