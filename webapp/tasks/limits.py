"""Named concurrency limits. A claim locks their rows first (claim.py), so a change counts from the next claim on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from webapp.access import audit
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks.models import Limit


def create(organization_id: int, name: str, maximum: int, by: Actor, now: datetime) -> Limit:
    if db.session.scalar(_mine(organization_id, name)):
        raise Refused("exists", _("There is a limit %(name)s already. Change that one", name=name))
    limit = Limit(organization_id=organization_id, name=name, maximum=maximum)
    db.session.add(limit)
    db.session.flush()
    _record(limit, "create", by, now)
    return limit


def edit(limit: Limit, maximum: int, by: Actor, now: datetime) -> None:
    before, limit.maximum = limit.maximum, maximum
    _record(limit, "edit", by, now, before)


def delete(limit: Limit, by: Actor, now: datetime) -> None:
    _record(limit, "delete", by, now, limit.maximum)
    db.session.delete(limit)


def listed() -> sa.Select[Limit]:
    return sa.select(Limit)


def named(name: str, *, lock: bool = False) -> Sequence[Limit]:
    """In each organisation that can be seen; locked by who is to change one."""
    found = sa.select(Limit).where(Limit.name == name)
    return db.session.scalars(found.with_for_update() if lock else found).all()


def _mine(organization_id: int, name: str) -> sa.Select[Limit]:
    return sa.select(Limit).where(Limit.organization_id == organization_id, Limit.name == name)


def _record(limit: Limit, verb: str, by: Actor, now: datetime, before: int | None = None) -> None:
    facts = {} if before is None else {"before": {"max": before}}
    after = None if verb == "delete" else {"max": limit.maximum}
    audit.record(limit.organization_id, f"limit.{verb}", f"limit {limit.name}", by, now, after=after, **facts)
