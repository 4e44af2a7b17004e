"""Reading files: one, a task's, all that can be seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from webapp.db import db
from webapp.files.models import File


def by_uuid(uuid: str, organization_id: int | None = None) -> File | None:
    found = sa.select(File).where(File.uuid == uuid, File.deleted_at.is_(None))
    return db.session.scalar(found.where(File.organization_id == organization_id) if organization_id else found)


def listed(type: str = "", plugin: str = "", task_id: int | None = None, name: str = "") -> sa.Select[File]:
    """Those that can be seen; `name` is a part of it."""
    found = sa.select(File).where(File.deleted_at.is_(None))
    for column, value in ((File.type, type), (File.plugin_id, plugin), (File.task_id, task_id)):
        if value:
            found = found.where(column == value)
    return found.where(File.name.icontains(name, autoescape=True)) if name else found


def any_of(organization_ids: Collection[int]) -> bool:
    mine = sa.select(File.id).where(File.organization_id.in_(organization_ids)).limit(1)
    return db.session.scalar(mine) is not None


def page(wanted: sa.Select[File], after: int | None, per: int) -> Sequence[File]:
    """Newest first; one more than fits, where there is one."""
    if after is not None:
        wanted = wanted.where(File.id < after)
    return db.session.scalars(wanted.options(selectinload(File.task)).order_by(File.id.desc()).limit(per + 1)).all()


def types() -> list[str]:
    """Of the newest files, for a filter."""
    newest = sa.select(File.type, File.id).where(File.deleted_at.is_(None)).order_by(File.id.desc()).limit(5_000)
    return sorted(filter(None, db.session.scalars(sa.select(newest.subquery().c.type).distinct())))


def of_task(task_id: int) -> list[File]:
    return list(
        db.session.scalars(sa.select(File).where(File.task_id == task_id, File.deleted_at.is_(None)).order_by(File.id))
    )
