"""Keys for programs: `tok_<id>_<secret>`, shown once, kept as a hash, never worth more than their owner."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from flask import Flask, current_app
from sqlalchemy.exc import OperationalError

from webapp.access import audit, facts
from webapp.access.models import Membership, Role, Token, User
from webapp.access.permissions import ADMIN, Permission
from webapp.access.principal import Principal
from webapp.db import db, unit
from webapp.events import Actor

PREFIX = "tok_"
LONGEST = timedelta(days=365)
NOTED = timedelta(minutes=1)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

log = structlog.get_logger("access")


def issue(
    user: User, organization_id: int, name: str, permissions: Iterable[Permission], expires_at: datetime | None,
    by: Actor, now: datetime,
) -> str:  # fmt: skip
    """The token's text, which nobody can read again."""
    secret = secrets.token_urlsafe(32)
    chosen = sorted(str(p) for p in permissions)
    token = Token(
        organization_id=organization_id, user_id=user.id, name=name, secret_hash=facts.hashed(secret),
        chosen=chosen, created_at=now, expires_at=expires_at,
    )  # fmt: skip
    db.session.add(token)
    db.session.flush()
    what = {"name": name, "owner": user.username, "permissions": chosen, "expires_at": str(expires_at or "never")}
    audit.record(organization_id, "token.create", f"token {token.id}", by, now, after=what)
    return f"{PREFIX}{token.id}_{secret}"


def revoke(token: Token, by: Actor, now: datetime) -> None:
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(token.organization_id, "token.revoke", f"token {token.id}", by, now, before={"name": token.name})
        facts.changed()


def principal_of(text: str, now: datetime) -> Principal | None:
    number, _, secret = text.removeprefix(PREFIX).partition("_")
    if not number.isdecimal() or len(number) > 9 or not secret:
        return None
    credential = facts.hashed(text)
    known = facts.known(credential, lambda: _load(int(number), secret, now))
    if known is None or now >= known.until:
        return None
    if now >= known.seen + NOTED:
        _note(int(number), now)
        facts.forget(credential)
    return known.principal


def rights_of(user: User, organization_id: int) -> frozenset[Permission]:
    """What a person may do in an organisation now."""
    if user.superadmin:
        return ADMIN
    role = db.session.scalar(
        sa.select(Role)
        .join(Membership, Membership.role_id == Role.id)
        .where(Membership.user_id == user.id, Membership.organization_id == organization_id)
    )
    return role.permissions if role else frozenset()


def _load(token_id: int, secret: str, now: datetime) -> facts.Facts | None:
    with unit(_app(), "whose token", reading=True) as session:
        token = session.get(Token, token_id)
        if token is None or not hmac.compare_digest(token.secret_hash, facts.hashed(secret)):
            return None
        user, org = token.user, token.organization
        if not token.usable(now) or not user.active:
            return None
        rights = sorted(token.permissions & rights_of(user, org.id))
        account = facts.account(user, org.id) | {
            "username": f"{user.username}/{token.name}"[:120],
            "superadmin": False,
            "must_change_password": False,
            "orgs": [[org.id, org.slug, org.name, "Token", rights]],
            "prefs": {},
        }
        return facts.Facts("token", account, token.expires_at or NEVER, token.used_at or token.created_at)


def _note(token_id: int, now: datetime) -> None:
    try:
        with unit(_app(), "token in use") as session:
            session.execute(sa.update(Token).where(Token.id == token_id).values(used_at=now))
    except OperationalError as error:
        log.warning("a token's use was not noted", error=str(error.orig))


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined]
