"""What needs attention: things that fail, each once, with how often and since when; nothing that has been made good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import load_only

from webapp.db import db
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.states import Status

SHOWN = 6
LOOKED_AT = 200  # newest failures; a streak that is longer is told as "at least"
ASKED = 20  # things of which it is asked whether they completed since
LAST_LINES = 5
COLUMNS = (
    Task.uuid, Task.organization_id, Task.batch_id, Task.what, Task.input, Task.plugin_id, Task.agent_id, Task.status,
    Task.reason, Task.error, Task.ended_at,
)  # fmt: skip


@dataclass
class Streak:
    """The same thing, failing again and again: newest first."""

    tasks: list[Task]
    last_lines: str = ""
    more: bool = False  # there may be earlier ones

    @property
    def task(self) -> Task:
        return self.tasks[0]

    @property
    def since(self) -> datetime | None:
        return self.tasks[-1].ended_at


def streaks(organization_ids: Iterable[int], data: Path) -> list[Streak]:
    newest = _newest(list(organization_ids))
    things: dict[tuple[object, ...], list[Task]] = {}
    for task in newest:
        things.setdefault(_thing(task), []).append(task)
    found = []
    for tasks in list(things.values())[:ASKED]:
        good = _last_success(tasks)
        since = [task for task in tasks if task.batch_id > good]
        if since:
            last_lines = _last_lines(data, since[0].uuid)
            found.append(Streak(since, last_lines, more=since[-1] is newest[-1] and len(newest) == LOOKED_AT))
        if len(found) == SHOWN:
            break
    return found


def _newest(organization_ids: list[int]) -> list[Task]:
    failed = sa.select(Task).options(load_only(*COLUMNS)).where(
        Task.organization_id.in_(organization_ids), Task.status == Status.FAILED, Task.latest.is_(True),
        Task.deleted_at.is_(None),
    )  # fmt: skip
    return list(db.session.scalars(failed.order_by(Task.batch_id.desc()).limit(LOOKED_AT)))


def _thing(task: Task) -> tuple[object, ...]:
    return task.organization_id, task.plugin_id, task.what, task.input, task.agent_id


def _last_success(tasks: list[Task]) -> int:
    """The batch in which the same last completed, among those after the first of these failures; 0 without one."""
    task = tasks[0]
    same = (
        Task.organization_id == task.organization_id, Task.plugin_id == task.plugin_id, Task.what == task.what,
        Task.input == task.input, Task.agent_id == task.agent_id, Task.batch_id >= tasks[-1].batch_id,
    )  # fmt: skip
    done = sa.select(Task.batch_id).where(*same, Task.status == Status.COMPLETED)
    return db.session.scalar(done.order_by(Task.batch_id.desc()).limit(1)) or 0


def _last_lines(data: Path, uuid: str) -> str:
    try:
        return output.tail(output.folder(data, uuid), "both", LAST_LINES, 2_048).strip()
    except OSError:
        return ""
