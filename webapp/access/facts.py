"""Who a secret belongs to and what they may do: read from SQL once, kept in the broker, void at any change.

One counter is raised after each commit that changes an account, a membership, a role, a session or a token; facts
that were read under an older count are not used. So there is no moment in which a reader can store what a
revocation has just made untrue. Should that raise be lost, the facts still end after `LIFE` seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp import queue
from webapp.access import permissions
from webapp.access.models import Membership, Organization, Role, User
from webapp.access.permissions import ROLES, Permission
from webapp.access.prefs import DEFAULTS
from webapp.access.principal import Org, Principal
from webapp.db import db

COUNT = "muster:who:count"
LIFE = 30


class Known(NamedTuple):
    """`until`: when it ends by itself. `seen`: when SQL last heard of its use."""

    principal: Principal
    until: datetime
    seen: datetime


class Facts(NamedTuple):
    kind: str
    account: dict[str, Any]
    until: datetime
    seen: datetime


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def key(credential: str) -> str:
    """Of the facts in the broker. `credential` is the hash of a secret."""
    return f"muster:who:{credential}"


def known(credential: str, load: Callable[[], Facts | None]) -> Known | None:
    """`load` reads the facts from SQL, or None for an unknown secret."""
    kept, count = queue.mget([key(credential), COUNT])
    if found := read(credential, kept, count):
        return found
    facts = load()
    if facts is None:
        return None
    kept = _mark(count) + _written(facts)
    queue.put(key(credential), kept, LIFE)
    return read(credential, kept, count)


def read(credential: str, kept: bytes | None, count: bytes | None) -> Known | None:
    """What the broker holds, unless something has changed since it was written."""
    if kept is None or not kept.startswith(_mark(count)):
        return None
    _, until, seen, account = kept.split(b"\n", 3)
    return Known(_principal(credential, account), _moment(until), _moment(seen))


def forget(credential: str) -> None:
    queue.delete(key(credential))


def changed() -> None:
    """Said by every verb that changes who somebody is or what they may do."""
    queue.after_commit(db.session, _raise_count)


def account(user: User, org_id: int | None = None) -> dict[str, Any]:
    """The person, their organisations and their rights. A superadmin has all there are."""
    return {
        "id": user.id,
        "username": user.username,
        "name": user.display_name,
        "superadmin": user.superadmin,
        "must_change_password": user.must_change_password,
        "orgs": _everything() if user.superadmin else _memberships(user),
        "org": org_id,
        "prefs": user.prefs,
    }


def _everything() -> list[list[Any]]:
    rows = db.session.scalars(sa.select(Organization).order_by(Organization.name))
    return [[row.id, row.slug, row.name, "Superadmin", "admin"] for row in rows]


def _memberships(user: User) -> list[list[Any]]:
    rows = db.session.execute(
        sa.select(Organization, Role)
        .join(Membership, Membership.organization_id == Organization.id)
        .join(Role, Role.id == Membership.role_id)
        .where(Membership.user_id == user.id)
        .order_by(Organization.name)
    )
    return [[org.id, org.slug, org.name, role.name, role.builtin or sorted(role.permissions)] for org, role in rows]


def _mark(count: bytes | None) -> bytes:
    return (count or b"0") + b"\n"


def _written(facts: Facts) -> bytes:
    account = json.dumps({"kind": facts.kind} | facts.account, sort_keys=True)
    return f"{facts.until.timestamp()}\n{facts.seen.timestamp()}\n{account}".encode()


def _moment(text: bytes) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


@lru_cache(maxsize=2048)
def _principal(credential: str, text: bytes) -> Principal:
    facts = json.loads(text)
    orgs = tuple(Org(*org[:4]) for org in facts["orgs"])
    shared = [facts[name] for name in ("kind", "superadmin", "orgs", "org", "prefs")]
    return Principal(
        kind=facts["kind"],
        id=facts["id"],
        name=facts["name"],
        username=facts["username"],
        superadmin=facts["superadmin"],
        rights={org[0]: _rights(org[4]) for org in facts["orgs"]},
        orgs=orgs,
        current_org=next((org for org in orgs if org.id == facts["org"]), None),
        prefs=DEFAULTS | facts["prefs"],
        credential=credential,
        must_change_password=facts["must_change_password"],
        stamp=hashlib.sha256(json.dumps(shared).encode()).hexdigest()[:16],
    )


def _rights(role: str | list[str]) -> frozenset[Permission]:
    return ROLES[role] if isinstance(role, str) else permissions.read(role)


def _raise_count() -> None:
    queue.incr(COUNT)
