"""What agents do, for the pages about them: what runs there now, and how the last tasks ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.tasks.claim import PENDING
from webapp.tasks.models import Task
from webapp.tasks.states import OPEN, Status

COUNTED = 50  # of the tasks that ended there; an agent of many years costs what a new one does
AT_MOST = 1_000
# As a sum, or a database that looks for few in their order walks the tasks of all years along their numbers.
OLDEST_FIRST = Task.id + 0


@dataclass
class Doing:
    running: list[Any] = field(default_factory=list)  # uuid and what, the oldest first
    queued: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def success(self) -> int | None:
        """In percent, of the last that ended well or badly; what people stopped says nothing."""
        ended = self.completed + self.failed
        return self.completed * 100 // ended if ended else None


def on_agents(agent_ids: Collection[int]) -> dict[int, Doing]:
    found: dict[int, Doing] = defaultdict(Doing)
    if not agent_ids:
        return found
    running = sa.select(Task.agent_id, Task.uuid, Task.what).where(
        Task.agent_id.in_(agent_ids), Task.status == Status.EXECUTING)  # fmt: skip
    for row in db.session.execute(running.order_by(OLDEST_FIRST).limit(AT_MOST)):
        found[row.agent_id].running.append(row)
    queued = sa.select(Task.agent_id, sa.func.count()).where(
        Task.agent_id.in_(agent_ids), Task.executor == "agent", Task.status == PENDING)  # fmt: skip
    for waits in db.session.execute(queued.group_by(Task.agent_id)):
        found[int(waits[0] or 0)].queued = int(waits[1])
    last = sa.union_all(*(sa.select(_ended(agent_id).subquery()) for agent_id in agent_ids))
    counts = Counter((int(row[0]), str(row[1])) for row in db.session.execute(last))
    for (agent_id, status), count in counts.items():
        setattr(found[agent_id], status, count)
    return found


def held(agent_id: int, limit: int) -> list[Any]:
    """What waits for it and what it has, the oldest first."""
    columns = (Task.uuid, Task.what, Task.status, Task.created_at)
    open_ = sa.select(*columns).where(Task.agent_id == agent_id, Task.status.in_(OPEN), Task.deleted_at.is_(None))
    return list(db.session.execute(open_.order_by(OLDEST_FIRST).limit(limit)))


def _ended(agent_id: int) -> sa.Select[int | None, str]:
    told = (Status.COMPLETED, Status.FAILED)
    ended = sa.select(Task.agent_id, Task.status).where(Task.agent_id == agent_id, Task.status.in_(told))
    return ended.order_by(Task.batch_id.desc()).limit(COUNTED)
