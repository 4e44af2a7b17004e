"""Reading objects: of a type, and those that a task saw."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from webapp.db import db
from webapp.objects.models import Object, ObjectTask


def listed(type: str = "") -> sa.Select[Object]:
    found = sa.select(Object).where(Object.deleted_at.is_(None))
    return found.where(Object.type == type) if type else found


def page(type: str, q: str, per: int, after: int | None = None) -> tuple[list[Object], int | None]:
    """Newest first, and the id to go on after."""
    found = listed(type)
    for word in q.split():
        found = found.where(Object.key.icontains(word, autoescape=True))
    if after is not None:
        found = found.where(Object.id < after)
    rows = list(db.session.scalars(found.order_by(Object.id.desc()).limit(per + 1)))
    return rows[:per], rows[per - 1].id if len(rows) > per else None


def some(ids: Collection[int], organization_ids: Collection[int]) -> Sequence[Object]:
    """Those of them that there are in these organisations, by key."""
    mine = listed().where(Object.id.in_(ids), Object.organization_id.in_(organization_ids))
    return db.session.scalars(mine.order_by(Object.key)).all()


def any_of(organization_ids: Collection[int]) -> bool:
    mine = sa.select(Object.id).where(Object.organization_id.in_(organization_ids)).limit(1)
    return db.session.scalar(mine) is not None


def counts() -> dict[str, int]:
    """How many there are of each type."""
    counted = (
        sa.select(Object.type, sa.func.count().label("number")).where(Object.deleted_at.is_(None)).group_by(Object.type)
    )
    return {row.type: row.number for row in db.session.execute(counted)}


def named(organization_id: int, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of those (type, key) that there are."""
    wanted = set(references)
    rows = db.session.execute(sa.select(Object.id, Object.type, Object.key).where(
        Object.organization_id == organization_id, Object.key.in_({key for _, key in wanted}), Object.deleted_at.is_(None)
    ))  # fmt: skip
    return {(row.type, row.key): row.id for row in rows if (row.type, row.key) in wanted}


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
