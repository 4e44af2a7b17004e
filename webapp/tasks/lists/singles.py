"""The list without batches: single tasks, the newest act first and within it the newest task.

A page is keyed by the place of a task, so that the thousandth costs what the first does. Tasks of one agent or plugin
stand together within their page; they are not gathered from other pages, which no index could do.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from webapp.db import db
from webapp.plugins.catalogue import find
from webapp.tasks.kinds import KINDS
from webapp.tasks.lists import rows
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.lines import COLUMNS, Group, Page, Row
from webapp.tasks.lists.rows import Place
from webapp.tasks.models import Task


def page(
    chosen: Filter, by: str, per: int, after: int | None = None, before: int | None = None, upto: int | None = None
) -> Page:
    """`after` and `before` are tasks; `upto` is a batch: the first page as it was when that was the newest."""
    begin = _place(after) if upto is None else (upto + 1, 0)
    found = rows.beyond(chosen, per + 1, begin, _place(before), latest=True)
    more = len(found) > per
    if before is not None:
        tasks = _read(found[-per:])
        newer, older = more, True
    else:
        tasks = _read(found[:per])
        newer, older = after is not None, more
    return Page(
        groups=_grouped(tasks, GROUPS[by]) if tasks else [],
        newer=tasks[0].id if tasks and newer else None,
        older=tasks[-1].id if tasks and older else None,
    )


def newer_than(chosen: Filter, batch_id: int, cap: int) -> int:
    """How many tasks that match came with later acts."""
    return len(rows.beyond(chosen, cap, before=(batch_id + 1, 0), latest=True))


def _place(task_id: int | None) -> Place | None:
    """Where a task stands; where it stood, if it is there no more."""
    if task_id is None:
        return None
    near = sa.select(Task.batch_id, Task.id).where(Task.id <= task_id).order_by(Task.id.desc()).limit(1)
    found = db.session.execute(near).first()
    return (found.batch_id, found.id) if found else (0, 0)


def _read(places: list[Place]) -> list[Row]:
    ids = [task_id for _, task_id in places]
    tasks = {values.id: Row(values) for values in db.session.execute(sa.select(*COLUMNS).where(Task.id.in_(ids)))}
    return [tasks[task_id] for task_id in ids if task_id in tasks]


def _grouped(tasks: list[Row], named: Callable[[Row], tuple[str, str, str]]) -> list[Group]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for task in tasks:
        groups.setdefault(named(task), []).append(task)
    return [Group(*name, members) for name, members in groups.items()]


def _alone(task: Row) -> tuple[str, str, str]:
    return "", "", ""


def _by_agent(task: Row) -> tuple[str, str, str]:
    return task.place, "agent", task.agent_name


def _by_plugin(task: Row) -> tuple[str, str, str]:
    if task.plugin_id:
        plugin = find(task.plugin_id)
        return plugin.manifest.name if plugin else task.plugin_id, "plugin", task.plugin_id
    return KINDS[task.type].LABEL, "type", task.type


GROUPS = {"none": _alone, "agent": _by_agent, "plugin": _by_plugin}
