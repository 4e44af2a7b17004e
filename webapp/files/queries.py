"""Reading files: one, a task's, all that can be seen."""

from __future__ import annotations

import sqlalchemy as sa

from webapp.db import db
from webapp.files.models import File


def by_uuid(uuid: str, organization_id: int | None = None) -> File | None:
    found = sa.select(File).where(File.uuid == uuid, File.deleted_at.is_(None))
    return db.session.scalar(found.where(File.organization_id == organization_id) if organization_id else found)


def of_task(task_id: int) -> list[File]:
    return list(db.session.scalars(sa.select(File).where(File.task_id == task_id, File.deleted_at.is_(None)).order_by(File.id)))
