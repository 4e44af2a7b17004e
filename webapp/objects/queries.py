"""Reading objects: of a type, and those that a task saw."""

from __future__ import annotations

import sqlalchemy as sa

from webapp.db import db
from webapp.objects.models import Object, ObjectTask


def listed(type: str = "") -> sa.Select[Object]:
    found = sa.select(Object).where(Object.deleted_at.is_(None))
    return found.where(Object.type == type) if type else found


def by_key(type: str, key: str, organization_id: int) -> Object | None:
    return db.session.scalar(listed(type).where(Object.key == key, Object.organization_id == organization_id))


def seen_by(task_id: int, type: str = "") -> sa.Select[Object]:
    return listed(type).join(ObjectTask, ObjectTask.object_id == Object.id).where(ObjectTask.task_id == task_id)


def links_of(task_id: int) -> sa.Select[ObjectTask]:
    """What a task saw, through which plugin and from which input."""
    alive = sa.select(Object.id).where(Object.deleted_at.is_(None))
    return sa.select(ObjectTask).where(ObjectTask.task_id == task_id, ObjectTask.object_id.in_(alive))


def count_of(task_id: int) -> int:
    counted = sa.select(sa.func.count()).select_from(ObjectTask).where(ObjectTask.task_id == task_id)
    return db.session.scalar(counted) or 0
