"""Reading people, roles, sessions, tokens and the audit log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from webapp.access import sessions
from webapp.access.models import Audit, Membership, Organization, Role, Session, Token, User
from webapp.access.permissions import Permission
from webapp.access.principal import Principal
from webapp.db import db, system_scope


def members(text: str = "") -> Sequence[Membership]:
    """The people of the organisations in scope."""
    found = sa.select(Membership).join(Membership.user).options(
        joinedload(Membership.user), joinedload(Membership.role), joinedload(Membership.organization)
    )  # fmt: skip
    if text:
        like = f"%{text.lower()}%"
        found = found.where(
            sa.or_(*(sa.func.lower(column).like(like) for column in (User.username, User.name, User.email)))
        )
    return db.session.scalars(found.order_by(User.username, Membership.organization_id)).all()


def homeless() -> Sequence[User]:
    """Accounts without an organisation, for a superadmin."""
    with system_scope("accounts of no organisation"):
        return db.session.scalars(
            sa.select(User).where(~sa.exists().where(Membership.user_id == User.id)).order_by(User.username)
        ).all()


def user_by_name(username: str) -> User | None:
    return db.session.scalar(sa.select(User).where(User.username == username.lower()))


def seen_user(principal: Principal, username: str) -> User | None:
    """A person of an organisation in scope; a superadmin sees everybody."""
    user = user_by_name(username)
    if user and (principal.superadmin or memberships(user)):
        return user
    return None


def memberships(user: User) -> Sequence[Membership]:
    return db.session.scalars(
        sa.select(Membership)
        .where(Membership.user_id == user.id)
        .options(joinedload(Membership.role), joinedload(Membership.organization))
        .order_by(Membership.organization_id)
    ).all()


def manageable(principal: Principal, user: User) -> bool:
    """Who resets a password can act as that person: so they need all that the account opens, wherever it does."""
    if principal.superadmin or user.superadmin:
        return principal.superadmin
    with system_scope("everything that an account opens"):
        opened = memberships(user)
    return bool(opened) and all(
        principal.can(Permission.USERS_WRITE, membership.organization_id)
        and principal.may_grant(membership.role.permissions, membership.organization_id)
        for membership in opened
    )


def roles() -> Sequence[Role]:
    return db.session.scalars(sa.select(Role).order_by(Role.organization_id, Role.builtin.is_(None), Role.id)).all()


def holders() -> dict[int, int]:
    """How many people have each role."""
    counted = sa.select(Membership.role_id, sa.func.count(Membership.id)).group_by(Membership.role_id)
    return {role_id: people for role_id, people in db.session.execute(counted)}  # noqa: C416


def grantable(principal: Principal, found: Sequence[Role]) -> list[Role]:
    return [role for role in found if principal.may_grant(role.permissions, role.organization_id)]


def organizations() -> Sequence[Organization]:
    return db.session.scalars(sa.select(Organization).order_by(Organization.name)).all()


def organization_by_slug(slug: str) -> Organization | None:
    return db.session.scalar(sa.select(Organization).where(Organization.slug == slug))


def live_sessions(user_id: int, now: datetime) -> Sequence[Session]:
    return db.session.scalars(
        sessions.live(now).where(Session.user_id == user_id).order_by(Session.seen_at.desc())
    ).all()


def own_tokens(user_id: int) -> Sequence[Token]:
    return db.session.scalars(
        sa.select(Token)
        .where(Token.user_id == user_id)
        .options(joinedload(Token.organization))
        .order_by(Token.revoked_at.is_not(None), Token.id.desc())
    ).all()


def audit_page(
    filters: dict[str, Any], after: int | None, per: int, everything: bool
) -> tuple[Sequence[Audit], int | None]:
    """Newest first, and the cursor of the next page. `everything` adds what concerns no organisation."""
    found = sa.select(Audit).order_by(Audit.id.desc()).limit(per + 1)
    if after:
        found = found.where(Audit.id < after)
    for name, value in filters.items():
        found = found.where(AUDIT_FILTERS[name](value))
    if everything:
        with system_scope("a superadmin reads the audit log"):
            rows = db.session.scalars(found).all()
    else:
        rows = db.session.scalars(found).all()
    return rows[:per], rows[per - 1].id if len(rows) > per else None


def _contains(text: str) -> sa.ColumnElement[bool]:
    like = f"%{text.lower()}%"
    return sa.or_(*(sa.func.lower(column).like(like) for column in (Audit.action, Audit.object, Audit.actor, Audit.ip)))


AUDIT_FILTERS: dict[str, Callable[[Any], sa.ColumnElement[bool]]] = {
    "q": _contains,
    "actor": lambda text: Audit.actor == text,
    "action": lambda text: sa.or_(Audit.action == text, Audit.action.startswith(f"{text}.")),
    "since": lambda moment: Audit.at >= moment,
    "until": lambda moment: Audit.at < moment,
}
