"""The verbs on organisations, people and roles. Each writes its own audit row, with before and after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp.access import audit, facts, sessions
from webapp.access.models import Membership, Organization, Role, User
from webapp.access.permissions import ROLES, Permission
from webapp.db import db, system_scope, writing_to
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused


def create_organization(slug: str, name: str, by: Actor, now: datetime) -> Organization:
    organization = Organization(slug=slug, name=name, created_at=now)
    db.session.add(organization)
    db.session.flush()
    with system_scope("first roles"):
        for role in ROLES:
            db.session.add(Role(organization_id=organization.id, name=role.capitalize(), builtin=role))
        db.session.flush()
    audit.record(organization.id, "organization.create", f"organization {slug}", by, now, after={"name": name})
    facts.changed()  # superadmins have one more
    return organization


def approve_agents(organization: Organization, wanted: bool, by: Actor, now: datetime) -> None:
    """Whether hosts that enrol from now on wait until somebody approves them."""
    if wanted == organization.approve_agents:
        return
    organization.settings = organization.settings | {"approve_agents": wanted}
    what = f"organization {organization.slug}"
    audit.record(organization.id, "organization.approve_agents", what, by, now, after={"approve_agents": wanted})


def rename_organization(organization: Organization, name: str, by: Actor, now: datetime) -> None:
    before, organization.name = organization.name, name
    audit.record(
        organization.id,
        "organization.rename",
        f"organization {organization.slug}",
        by,
        now,
        {"name": before},
        {"name": name},
    )
    facts.changed()


def create_user(
    username: str, password_hash: str, by: Actor, now: datetime, *, name: str = "", email: str = "",
    superadmin: bool = False, must_change: bool = False,
) -> User:  # fmt: skip
    user = User(
        username=username.lower(), name=name, email=email, password_hash=password_hash, password_changed_at=now,
        must_change_password=must_change, superadmin=superadmin, created_at=now,
    )  # fmt: skip
    db.session.add(user)
    db.session.flush()
    audit.record(None, "user.create", _named(user), by, now, after={"name": name, "superadmin": superadmin})
    return user


def edit_user(user: User, name: str, email: str, by: Actor, now: datetime) -> None:
    before = {"name": user.name, "email": user.email}
    user.name, user.email = name, email
    _record(user, "user.edit", by, now, before, {"name": name, "email": email})
    facts.changed()


def change_password(
    user: User, password_hash: str, by: Actor, now: datetime, *, but: str = "", must_change: bool = False
) -> None:
    """Ends every session but the one in which it happens."""
    user.password_hash, user.password_changed_at = password_hash, now
    user.must_change_password, user.failed_logins = must_change, 0
    sessions.end_all([user.id], now, but)
    _record(user, "user.password", by, now)


def disable(user: User, by: Actor, now: datetime) -> None:
    if user.superadmin and _superadmins() == 1:
        raise Refused("last_superadmin", _("This is the last superadmin. Make another one first"))
    user.active = False
    sessions.end_all([user.id], now)
    _record(user, "user.disable", by, now)


def enable(user: User, by: Actor, now: datetime) -> None:
    user.active, user.failed_logins = True, 0
    _record(user, "user.enable", by, now)


def join(user: User, role: Role, by: Actor, now: datetime) -> Membership:
    with writing_to(role.organization_id):
        membership = Membership(user_id=user.id, organization_id=role.organization_id, role_id=role.id)
        db.session.add(membership)
        db.session.flush()
    audit.record(role.organization_id, "membership.create", _named(user), by, now, after={"role": role.name})
    facts.changed()
    return membership


def change_role(membership: Membership, role: Role, by: Actor, now: datetime) -> None:
    """Ends the person's sessions: nothing that was opened with the old rights goes on."""
    before = membership.role.name
    membership.role_id = role.id
    sessions.end_all([membership.user_id], now)
    where = membership.organization_id
    audit.record(where, "membership.role", _named(membership.user), by, now, {"role": before}, {"role": role.name})


def leave(membership: Membership, by: Actor, now: datetime) -> None:
    sessions.end_all([membership.user_id], now)
    before = {"role": membership.role.name}
    audit.record(membership.organization_id, "membership.delete", _named(membership.user), by, now, before)
    db.session.delete(membership)


def create_role(organization_id: int, name: str, permissions: Iterable[Permission], by: Actor, now: datetime) -> Role:
    with writing_to(organization_id):
        role = Role(organization_id=organization_id, name=name, own=_stored(permissions))
        db.session.add(role)
        db.session.flush()
    audit.record(organization_id, "role.create", f"role {name}", by, now, after={"permissions": role.own})
    return role


def edit_role(role: Role, name: str, permissions: Iterable[Permission], by: Actor, now: datetime) -> None:
    """Its people have the new rights from their next request on; nobody is signed out."""
    if role.builtin:
        raise Refused("builtin", _("%(name)s comes with Muster. Make a role of your own instead", name=role.name))
    before = {"name": role.name, "permissions": role.own}
    role.name, role.own = name, _stored(permissions)
    after = {"name": role.name, "permissions": role.own}
    audit.record(role.organization_id, "role.edit", f"role {name}", by, now, before, after)
    facts.changed()


def delete_role(role: Role, by: Actor, now: datetime) -> None:
    holders = db.session.scalar(sa.select(sa.func.count(Membership.id)).where(Membership.role_id == role.id))
    if role.builtin or holders:
        raise Refused("in_use", _("%(holders)s people have the role %(name)s. Give them another one first", holders=holders, name=role.name) if holders else _("%(name)s comes with Muster and stays", name=role.name))  # fmt: skip
    audit.record(role.organization_id, "role.delete", f"role {role.name}", by, now, {"permissions": role.own})
    db.session.delete(role)


def prefer(user: User, prefs: dict[str, Any]) -> None:
    """How somebody wants the pages is nobody else's business."""
    user.prefs = user.prefs | prefs
    audit.unremarkable()
    facts.changed()


def _record(
    user: User, action: str, by: Actor, now: datetime, before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """What happens to an account concerns every organisation that it is in."""
    for organization_id in organization_ids(user) or [None]:
        audit.record(organization_id, action, _named(user), by, now, before, after)


def organization_ids(user: User) -> list[int | None]:
    with system_scope("where is this person a member"):
        return list(db.session.scalars(sa.select(Membership.organization_id).where(Membership.user_id == user.id)))


def _superadmins() -> int:
    return db.session.scalar(sa.select(sa.func.count(User.id)).where(User.superadmin, User.active)) or 0


def _stored(permissions: Iterable[Permission]) -> list[str]:
    return sorted(str(permission) for permission in permissions)


def _named(user: User) -> str:
    return f"user {user.username}"
