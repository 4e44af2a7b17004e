"""Organisations, people, their roles, sessions and tokens, and the log of what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.access import permissions
from webapp.access.permissions import ROLES, Permission
from webapp.db import Base, BigKey, OrgScoped
from webapp.language import _
from webapp.schema import Trigger

# Marks in a browser's name for itself; most claim to be several others, so the order counts.
BROWSERS = {"Firefox/": "Firefox", "Edg/": "Edge", "OPR/": "Opera", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


class Organization(Base):
    __tablename__ = "organization"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(sa.String(64), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]

    @property
    def approve_agents(self) -> bool:
        """A host that enrols gets no work until somebody approves it."""
        return bool(self.settings.get("approve_agents"))


class User(Base):
    """A person. Not of one organisation: memberships say where they are what."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(sa.String(64), unique=True)
    name: Mapped[str] = mapped_column(sa.String(120), default="")
    email: Mapped[str] = mapped_column(sa.String(254), default="")
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    password_changed_at: Mapped[datetime]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    superadmin: Mapped[bool] = mapped_column("is_superadmin", default=False)
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    last_login_at: Mapped[datetime | None]
    prefs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]

    @property
    def display_name(self) -> str:
        return self.name or self.username


class Role(OrgScoped, Base):
    """A named set of permissions. The built-in ones take theirs from the code, so that a new right reaches them."""

    __tablename__ = "role"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "id"),
        sa.UniqueConstraint("organization_id", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    builtin: Mapped[str | None] = mapped_column(sa.String(16))
    own: Mapped[list[str]] = mapped_column("permissions", default=list)

    @property
    def permissions(self) -> frozenset[Permission]:
        return ROLES[self.builtin] if self.builtin else permissions.read(self.own)


class Membership(OrgScoped, Base):
    __tablename__ = "membership"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "organization_id"),
        sa.ForeignKeyConstraint(["organization_id", "role_id"], ["role.organization_id", "role.id"]),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    role_id: Mapped[int]

    user: Mapped[User] = relationship()
    role: Mapped[Role] = relationship(viewonly=True, primaryjoin="foreign(Membership.role_id) == Role.id")
    organization: Mapped[Organization] = relationship(
        viewonly=True, primaryjoin="foreign(Membership.organization_id) == Organization.id"
    )


class Session(Base):
    """A sign-in. The browser holds a random secret, this row its SHA-256: a copy of the table opens no door."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
    ip: Mapped[str] = mapped_column(sa.String(64))
    agent: Mapped[str] = mapped_column(sa.String(300))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()

    @property
    def browser(self) -> str:
        """`Firefox on Linux`: enough to tell one's own sessions apart."""
        name = next((word for mark, word in BROWSERS.items() if mark in self.agent), "")
        system = next((word for mark, word in SYSTEMS.items() if mark in self.agent), "")
        return " on ".join(part for part in (name, system) if part) or self.agent or _("Unknown")


class Token(OrgScoped, Base):
    """A program's key: one organisation, chosen permissions, never more than its owner has now."""

    __tablename__ = "token"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    secret_hash: Mapped[str] = mapped_column(sa.String(64))
    chosen: Mapped[list[str]] = mapped_column("permissions")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()
    organization: Mapped[Organization] = relationship(
        viewonly=True, primaryjoin="foreign(Token.organization_id) == Organization.id"
    )

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions.read(self.chosen)

    def usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Audit(OrgScoped, Base):
    """Who did what, before and after. Written in the action's own transaction; numbered and chained a moment later.

    Acts that concern no organisation (somebody unknown tries to sign in) have none, and only a superadmin sees them.
    """

    __tablename__ = "audit"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "seq"),
        sa.Index("ix_audit_newest", "organization_id", "id"),
        sa.Index(
            "ix_audit_unchained", "id", sqlite_where=sa.text("hash IS NULL"), postgresql_where=sa.text("hash IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    organization_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))  # type: ignore[assignment]
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(sa.String(16))
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(sa.String(120))
    ip: Mapped[str] = mapped_column(sa.String(64))
    request_id: Mapped[str] = mapped_column(sa.String(64))
    action: Mapped[str] = mapped_column(sa.String(64))
    object: Mapped[str] = mapped_column(sa.String(300))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    seq: Mapped[int | None] = mapped_column(sa.BigInteger)
    prev_hash: Mapped[str | None] = mapped_column(sa.String(64))
    hash: Mapped[str | None] = mapped_column(sa.String(64))


class AuditSeal(Base):
    """The last link of a part of the log that retention removed. Only what it covers may be deleted."""

    __tablename__ = "audit_seal"

    id: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[int | None] = mapped_column(index=True)  # outlives its organisation
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    hash: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime]


_CONTENT = "id, organization_id, at, actor_kind, actor_id, actor, ip, request_id, action, object, before, after"
_SEALED = "SELECT 1 FROM audit_seal AS s WHERE s.seq >= OLD.seq AND s.organization_id IS {same} OLD.organization_id"

TRIGGERS = (
    Trigger(
        "audit_content_stays", "audit",
        sqlite=f"CREATE TRIGGER audit_content_stays BEFORE UPDATE OF {_CONTENT} ON audit "
               "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        postgresql="CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
                   "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$; "
                   f"CREATE TRIGGER audit_content_stays BEFORE UPDATE OF {_CONTENT} ON audit "
                   "FOR EACH ROW EXECUTE FUNCTION audit_append_only()",
    ),
    Trigger(
        "audit_chain_stays", "audit",
        sqlite="CREATE TRIGGER audit_chain_stays BEFORE UPDATE OF seq, prev_hash, hash ON audit "
               "WHEN OLD.hash IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        postgresql="CREATE TRIGGER audit_chain_stays BEFORE UPDATE OF seq, prev_hash, hash ON audit "
                   "FOR EACH ROW WHEN (OLD.hash IS NOT NULL) EXECUTE FUNCTION audit_append_only()",
    ),
    Trigger(
        "audit_rows_stay", "audit",
        sqlite="CREATE TRIGGER audit_rows_stay BEFORE DELETE ON audit "
               f"WHEN NOT EXISTS ({_SEALED.format(same='')}) "
               "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
        postgresql="CREATE OR REPLACE FUNCTION audit_only_sealed() RETURNS trigger LANGUAGE plpgsql AS "
                   f"$$ BEGIN IF EXISTS ({_SEALED.format(same='NOT DISTINCT FROM')}) THEN RETURN OLD; END IF; "
                   "RAISE EXCEPTION 'the audit log is append-only'; END $$; "
                   "CREATE TRIGGER audit_rows_stay BEFORE DELETE ON audit "
                   "FOR EACH ROW EXECUTE FUNCTION audit_only_sealed()",
    ),
)  # fmt: skip
