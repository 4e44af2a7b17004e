"""Reading the library: pages of tests, and what a new task may choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from webapp.db import db
from webapp.library.builds import USABLE
from webapp.library.manifest import ANY
from webapp.library.models import Build, Test


@dataclass(frozen=True)
class Filter:
    q: str = ""
    slug: str = ""
    platform: str = ""
    technique: str = ""
    enabled: bool | None = None
    retired: bool = False


def page(chosen: Filter, per: int, after: int | None = None) -> tuple[list[Test], int | None]:
    """Newest first, and the id to go on after."""
    found = where(chosen).order_by(Test.id.desc())
    if after is not None:
        found = found.where(Test.id < after)
    rows = list(db.session.scalars(found.limit(per + 1)))
    return rows[:per], rows[per - 1].id if len(rows) > per else None


def where(chosen: Filter) -> sa.Select[Test]:
    """With their builds, for a list in whatever order."""
    alive = Test.deleted_at.is_not(None) if chosen.retired else Test.deleted_at.is_(None)
    return _where(sa.select(Test).where(alive), chosen).options(selectinload(Test.builds))


def choices(organization_id: int, q: str = "", limit: int = 50) -> Sequence[Test]:
    """What a new task may run: enabled, with at least one build."""
    runs = sa.exists().where(Build.test_id == Test.id, *USABLE)
    found = where(Filter(q=q, enabled=True)).where(Test.organization_id == organization_id, runs)
    return db.session.scalars(found.order_by(Test.name).limit(limit)).all()


def techniques() -> list[str]:
    used = sa.select(Test.technique).distinct().where(Test.deleted_at.is_(None), Test.technique != "")
    return list(db.session.scalars(used.order_by(Test.technique)))


def _where(found: sa.Select[Test], chosen: Filter) -> sa.Select[Test]:
    if chosen.q:
        named = (column.icontains(chosen.q, autoescape=True) for column in (Test.name, Test.slug, Test.technique))
        found = found.where(sa.or_(*named))
    if chosen.slug:
        found = found.where(Test.slug == chosen.slug)
    if chosen.technique:
        found = found.where(Test.technique == chosen.technique)
    if chosen.enabled is not None:
        found = found.where(Test.enabled.is_(chosen.enabled))
    if chosen.platform:
        here = Build.platform.in_((chosen.platform, ANY))
        found = found.where(sa.exists().where(Build.test_id == Test.id, *USABLE, here))
    return found
