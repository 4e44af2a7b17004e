"""Objects are seen: made the first time, refreshed after that, and linked to the task that saw them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.bulk import upsert
from webapp.db import db
from webapp.objects.models import Object, ObjectTask

BITE = 400  # keys in one statement


class Seen(NamedTuple):
    type: str
    key: str
    data: dict[str, Any]
    input_key: str = ""


def see(
    organization_id: int,
    seen: Sequence[Seen],
    now: datetime,
    *,
    task_id: int | None = None,
    plugin_id: str | None = None,
) -> int:
    """How many objects were seen; the last word on the same key counts."""
    by_key = {(each.type, each.key): each for each in seen}
    unique = list(by_key.values())
    for start in range(0, len(unique), BITE):
        _see(organization_id, unique[start : start + BITE], now, task_id, plugin_id)
    return len(unique)


def _see(organization_id: int, seen: list[Seen], now: datetime, task_id: int | None, plugin_id: str | None) -> None:
    before = _ids(organization_id, seen)
    rows = [{"organization_id": organization_id, "type": each.type, "key": each.key, "data": each.data,
             "first_seen_at": now, "last_seen_at": now, "deleted_at": None} for each in seen]  # fmt: skip
    upsert(Object, rows, ["organization_id", "type", "key"], ["data", "last_seen_at", "deleted_at"])
    if task_id is None:
        return
    ids = _ids(organization_id, seen)
    links = [{"organization_id": organization_id, "task_id": task_id, "object_id": ids[each.type, each.key],
              "plugin_id": plugin_id, "input_key": each.input_key[:500], "created": (each.type, each.key) not in before,
              "at": now} for each in seen]  # fmt: skip
    upsert(ObjectTask, links, ["task_id", "object_id"], [])


def _ids(organization_id: int, seen: list[Seen]) -> dict[tuple[str, str], int]:
    keys = {each.key for each in seen}
    rows = db.session.execute(sa.select(Object.id, Object.type, Object.key).where(
        Object.organization_id == organization_id, Object.key.in_(keys)))  # fmt: skip
    return {(row.type, row.key): row.id for row in rows}
