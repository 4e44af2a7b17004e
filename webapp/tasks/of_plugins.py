"""How often plugins were run lately, and how well it went: of the newest runs, so that a busy one costs what others do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.tasks.models import Task
from webapp.tasks.states import BAD, Status

MOST = 500  # runs of each that are looked at


@dataclass
class Uses:
    """`seen` are those since the moment that was asked about; with as many as are looked at, there may be more."""

    seen: int = 0
    good: int = 0
    bad: int = 0

    @property
    def words(self) -> str:
        return f"{self.seen}{'+' * (self.seen == MOST)}"

    @property
    def rate(self) -> str:
        """Of those that ended well or badly; never 100 % while one failed."""
        ended = self.good + self.bad
        return f"{int(100 * self.good / ended)} %" if ended else ""


def uses(plugin_ids: Collection[str], organization_ids: Collection[int], since: datetime) -> dict[str, Uses]:
    """By plugin. The latest attempt of each task counts."""
    found = {plugin_id: Uses() for plugin_id in plugin_ids}
    if not plugin_ids:
        return found
    newest = sa.union_all(*(sa.select(_newest(plugin_id, organization_ids)) for plugin_id in plugin_ids)).subquery()
    columns = (newest.c.plugin_id, newest.c.status)
    counted: Any = db.session.execute(
        sa.select(*columns, sa.func.count()).where(newest.c.created_at >= since).group_by(*columns)
    )
    for plugin_id, status, count in counted:
        found[plugin_id].seen += count
        found[plugin_id].good += count if status == Status.COMPLETED else 0
        found[plugin_id].bad += count if status in BAD else 0
    return found


def _newest(plugin_id: str, organization_ids: Collection[int]) -> sa.Subquery:
    """Not yet by their age: a plugin that was used long ago would be looked through to its beginning."""
    columns = (Task.plugin_id, Task.status, Task.created_at)
    mine = (Task.plugin_id == plugin_id, Task.organization_id.in_(organization_ids))
    shown = (Task.latest.is_(True), Task.deleted_at.is_(None))
    return sa.select(*columns).where(*mine, *shown).order_by(Task.batch_id.desc()).limit(MOST).subquery()
