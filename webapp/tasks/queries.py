"""Reading tasks: one, a batch's, a page of a list, counts. Never counts beyond a cap, never skips by offset.

A list is a list of batches. A batch shows when one of its tasks matches, newest first, and the page is keyed by
the batch's id, so that the thousandth page costs what the first does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.db import db
from webapp.language import _
from webapp.objects.models import ObjectTask
from webapp.tasks.answers import Answers
from webapp.tasks.lists import matching
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.matching import where as where
from webapp.tasks.models import Batch, BatchCount, Count, Edge, Task
from webapp.tasks.notes.models import Note
from webapp.tasks.of_agents import held as held
from webapp.tasks.of_agents import on_agents as on_agents
from webapp.tasks.of_plugins import uses as uses
from webapp.tasks.states import BAD, FINAL, LOOKS, OPEN, Status

COUNT_CAP = 10_000
ID_CAP = 100_000
TOLD = sorted(Status, key=lambda status: status != Status.COMPLETED)  # how a batch is summed up

# What a row says in a line of text; the rest stays where it is.
ERROR = sa.func.substr(Task.error, 1, 300).label("error")
TARGET = sa.case((Task.agent_name == "", sa.cast(Task.target, sa.Text)), else_=None).label("target_text")
COLUMNS = (
    Task.id, Task.uuid, Task.batch_id, Task.organization_id, Task.type, Task.what, Task.input, Task.executor, Task.owner,
    TARGET, Task.agent_name, Task.status, Task.trigger, Task.retry_number, Task.max_retries, Task.original_task_id,
    Task.latest, Task.created_at, Task.started_at, Task.ended_at, Task.cancel_requested_at, Task.exit_code, Task.outcome,
    Task.reason, ERROR, Task.late, Task.progress, Task.progress_text, Task.note_count, Task.created_by,
    Task.unreachable_at, Task.deleted_at, Task.plugin_id,
)  # fmt: skip
NAMES = [column.key for column in COLUMNS]
COUNTED = (Task.deleted_at.is_(None), Task.latest.is_(True))


class Head(NamedTuple):
    """A batch without its spec, which may list a hundred thousand inputs."""

    id: int
    uuid: str
    organization_id: int
    type: str
    what: str
    trigger: str
    total: int | None
    created_at: datetime
    created_by: str


# A batch that was made with one task comes together with it. Of a larger one no task is looked for: as a condition of
# its own, PostgreSQL would ask for the total after it has read them all.
HEADS = sa.select(*(getattr(Batch, name) for name in Head._fields), *COLUMNS).outerjoin(
    Task, sa.and_(Task.batch_id == sa.case((Batch.total == 1, Batch.id)), *COUNTED)
)

# It has a task that was not deleted. One is looked for in each batch: what EXISTS asks PostgreSQL makes a walk along all
# tasks of all of them.
ALIVE = (
    sa.select(Task.id).where(Task.batch_id == Batch.id, Task.deleted_at.is_(None)).limit(1).correlate(Batch)
).scalar_subquery().is_not(None)  # fmt: skip


class Row(Answers):
    """A task as lists show it: plain columns, which are read three times as fast as rows that can be changed.

    Two with the same values are equal, so that what was made of one can be kept for the other.
    """

    type: str
    batch_id: int
    plugin_id: str | None
    target_text: str | None

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)
        self.__dict__.update(zip(NAMES, self.values, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    @property
    def target(self) -> Any:
        return json.loads(self.target_text or "{}")


@dataclass
class Line:
    """A row of the list: a batch with its counts, and its only task when there is one."""

    batch: Batch | Head
    counts: dict[str, int]
    task: Row | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return sum(self.of(FINAL))

    @property
    def open(self) -> int:
        return sum(self.of(OPEN))

    @property
    def failed(self) -> int:
        return sum(self.of(BAD))

    def of(self, statuses: Iterable[Status]) -> Iterable[int]:
        return (self.counts.get(status, 0) for status in statuses)

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Its bar: how many have each tone, the worst first."""
        tones = dict.fromkeys(("danger", "warning", "active", "info", "violet", "neutral", "success"), 0)
        for status, number in self.counts.items():
            tones[LOOKS[Status(status)].tone] += number
        return [(tone, number) for tone, number in tones.items() if number]

    @property
    def words(self) -> str:
        """7 completed · 2 running · 1 failed"""
        told = [(self.counts.get(status, 0), _(LOOKS[status].label).lower()) for status in TOLD]
        return " · ".join(f"{number} {label}" for number, label in told if number)


class Group(NamedTuple):
    """Single tasks of one agent or plugin, with the filter that selects these; without a name, simply tasks."""

    name: str
    key: str
    value: str
    tasks: list[Row]


@dataclass
class Page:
    """Batches, or groups of single tasks."""

    lines: list[Line] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    newer: int | None = None  # cursor of the page with newer ones
    older: int | None = None

    @property
    def newest(self) -> int:
        """The batch that stands first, or 0."""
        if self.groups:
            return self.groups[0].tasks[0].batch_id
        return self.lines[0].batch.id if self.lines else 0

    @property
    def batches(self) -> list[int]:
        return [line.batch.id for line in self.lines] or [t.batch_id for group in self.groups for t in group.tasks]

    def failed_since(self, moment: datetime) -> int:
        tasks = (task for group in self.groups for task in group.tasks)
        failed = [line.batch.created_at for line in self.lines if line.failed]
        return sum(created > moment for created in [*failed, *(t.created_at for t in tasks if t.status in BAD)])


def by_uuid(uuid: str) -> Task | None:
    """By the whole id, or by a beginning of at least 8 that is only one task's."""
    if len(uuid) == 36:
        return db.session.scalar(sa.select(Task).where(Task.uuid == uuid, Task.deleted_at.is_(None)))
    if len(uuid) < 8:
        return None
    between = Task.uuid.between(uuid, uuid + "~")
    found = db.session.scalars(sa.select(Task).where(between, Task.deleted_at.is_(None)).limit(2)).all()
    return found[0] if len(found) == 1 else None


def by_uuids(uuids: Iterable[str], *, deleted: bool = False) -> dict[str, Task]:
    found: dict[str, Task] = {}
    wanted = list(dict.fromkeys(uuids))
    there = Task.deleted_at.is_not(None) if deleted else Task.deleted_at.is_(None)
    for start in range(0, len(wanted), 500):
        rows = db.session.scalars(sa.select(Task).where(Task.uuid.in_(wanted[start : start + 500]), there))
        found |= {task.uuid: task for task in rows}
    return found


def batch_by_uuid(uuid: str) -> Batch | None:
    return db.session.scalar(sa.select(Batch).where(Batch.uuid == uuid))


def page(
    chosen: Filter, per: int, after: int | None = None, before: int | None = None, upto: int | None = None
) -> Page:
    """`after` goes to older batches, `before` to newer ones; `upto` is the first page as it was when that was newest."""
    heads = _heads(chosen, per + 1, after if upto is None else upto + 1, before)
    more, found = len(heads) > per, list(heads)[:per]
    if before is not None:
        found.reverse()
    result = Page(_lines(found, {head.id: task for head in found if (task := heads[head])}))
    if found:
        result.older = found[-1].id if (more if before is None else True) else None
        result.newer = found[0].id if (more if before is not None else after is not None) else None
    return result


def newer_than(chosen: Filter, batch_id: int, cap: int = 100) -> int:
    """How many batches that match came after this one."""
    if chosen.empty:
        alive = sa.select(Batch.id).where(ALIVE)
        return len(list(db.session.scalars(_keyed(alive, Batch.id, cap, None, batch_id))))
    return len(_batch_ids(chosen, cap, None, batch_id))


def _heads(chosen: Filter, limit: int, after: int | None, before: int | None) -> dict[Head, Row | None]:
    ids: Any = (
        _keyed(sa.select(Batch.id).where(ALIVE), Batch.id, limit, after, before).correlate(None)
        if chosen.empty
        else _batch_ids(chosen, limit, after, before)
    )
    found = _read(HEADS.where(Batch.id.in_(ids)))
    return dict(sorted(found.items(), reverse=before is None))


def _read(statement: Any) -> dict[Head, Row | None]:
    cut, found = len(Head._fields), {}
    for values in db.session.execute(statement):
        task = values[cut:]
        found[Head(*values[:cut])] = Row(task) if task[0] is not None else None
    return found


def _batch_ids(chosen: Filter, limit: int, after: int | None, before: int | None) -> list[int]:
    parts = [
        _keyed(
            sa.select(part.key).distinct().where(Task.latest.is_(True), *part.conditions),
            part.key,
            limit,
            after,
            before,
        )
        for part in matching.in_order(chosen)
    ]
    if len(parts) == 1:
        return list(db.session.scalars(parts[0]))
    found = {batch_id for part in parts for batch_id in db.session.scalars(part)}
    return sorted(found, reverse=before is None)[:limit]


def _keyed(statement: Any, key: Any, limit: int, after: int | None, before: int | None) -> Any:
    order = key.desc() if before is None else key
    return statement.where(*_beyond(key, after, before)).order_by(order).limit(limit)


def _beyond(key: Any, after: int | None, before: int | None) -> list[sa.ColumnElement[bool]]:
    if before is not None:
        return [key > before]
    return [key < after] if after is not None else []


def _lines(batches: Sequence[Batch | Head], single: dict[int, Row]) -> list[Line]:
    """`single`: the tasks that are known to be their batch's only one."""
    counts = {batch_id: {row.status: 1} for batch_id, row in single.items()}
    counts |= _counts([batch.id for batch in batches if batch.id not in single])
    lone = [batch_id for batch_id, each in counts.items() if batch_id not in single and sum(each.values()) == 1]
    if lone:
        rows = db.session.execute(sa.select(*COLUMNS).where(Task.batch_id.in_(lone), *COUNTED))
        single = single | {values.batch_id: Row(values) for values in rows}
    return [Line(batch, counts[batch.id], single.get(batch.id)) for batch in batches if counts[batch.id]]


def _counts(batch_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Of large batches from the maintained sums, of small ones from their tasks."""
    counts: dict[int, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    if counts:
        summed = sa.select(BatchCount.batch_id, BatchCount.status, sa.func.sum(BatchCount.delta))
        _count_into(
            counts, summed.where(BatchCount.batch_id.in_(counts)).group_by(BatchCount.batch_id, BatchCount.status)
        )
    if small := [batch_id for batch_id, each in counts.items() if not each]:
        counted = sa.select(Task.batch_id, Task.status, sa.func.count()).where(Task.batch_id.in_(small), *COUNTED)
        _count_into(counts, counted.group_by(Task.batch_id, Task.status))
    return counts


def _count_into(counts: dict[int, dict[str, int]], counted: sa.Select[int, str, int]) -> None:
    for batch_id, status, number in db.session.execute(counted):
        if number:
            counts[batch_id][status] = int(number)


def lines(batches: Sequence[Batch]) -> list[Line]:
    """In their order; of one that has no tasks any more there is nothing to tell."""
    return _lines(batches, {})


def line(batch: Batch) -> Line:
    return next(iter(_lines([batch], {})), Line(batch, {}))


def children(
    batch: Batch, chosen: Filter, limit: int, after: int | None = None, *, worst_first: bool = False
) -> list[Row]:
    """The latest attempts of a batch's tasks: in the order in which they were made, or those that failed first."""
    mine = (Task.batch_id == batch.id, *COUNTED)
    rows = sa.select(*COLUMNS).where(*mine, *where(chosen))
    if after is not None:
        rows = rows.where(Task.id > after)
    order = (Task.status.not_in(BAD), Task.id) if worst_first else (Task.id,)
    return [Row(values) for values in db.session.execute(rows.order_by(*order).limit(limit))]


def hosts(limit: int) -> list[str]:
    """Names that a filter by agent offers."""
    names = sa.select(Agent.hostname).where(Agent.deleted_at.is_(None)).distinct().order_by(Agent.hostname)
    return list(db.session.scalars(names.limit(limit)))


def counts(organization_ids: Iterable[int]) -> dict[str, int]:
    """How many tasks have each status, from the maintained sums."""
    summed = sa.select(Count.status, sa.func.sum(Count.delta)).where(Count.organization_id.in_(list(organization_ids)))
    return {status: int(total) for status, total in db.session.execute(summed.group_by(Count.status)) if total}


def total(
    chosen: Filter, kept: dict[str, int], cap: int = COUNT_CAP, within: Sequence[int] | None = None
) -> tuple[int, bool]:
    """How many match, from the maintained sums where these can say it; and whether there are only at least so many.

    `within`: the batches of all that match, where a page has found them.
    """
    if replace(chosen, status=()) == Filter():
        return sum(number for status, number in kept.items() if not chosen.status or status in chosen.statuses), False
    found = count(chosen, cap) if within is None else _counted([Task.batch_id.in_(within), *where(chosen)], cap)
    return found, found >= cap


def count(chosen: Filter, cap: int = COUNT_CAP) -> int:
    """How many tasks match, at most `cap`: counting on would cost more than anybody learns from it."""
    found = 0
    for part in matching.in_order(chosen, counting=True):
        found += _counted(part.conditions, cap - found)
        if found >= cap:
            break
    return found


def _counted(conditions: Sequence[sa.ColumnElement[bool]], cap: int) -> int:
    some = sa.select(Task.id).where(Task.latest.is_(True), *conditions).limit(cap).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def ids(chosen: Filter, cap: int = ID_CAP) -> list[str]:
    """All that match, for acts on many: in the order in which they were made."""
    # A sum is in no index: few are found by their own one, and sorted.
    key = Task.id if chosen.empty else Task.id + sa.literal_column("0")
    found: list[tuple[int, str]] = []
    for part in matching.in_order(chosen, counting=True):
        some = sa.select(Task.id, Task.uuid).where(Task.latest.is_(True), *part.conditions)
        found += [(task_id, uuid) for task_id, uuid in db.session.execute(some.order_by(key).limit(cap))]
    return [uuid for _, uuid in sorted(found)[:cap]]


def of_plugin(plugin_id: str, organization_id: int, limit: int) -> list[Row]:
    """Its newest tasks."""
    return _newest(limit, Task.plugin_id == plugin_id, Task.organization_id == organization_id, Task.latest.is_(True))


def that_saw(object_id: int, limit: int) -> list[Row]:
    """The newest tasks that made an object, or saw it again."""
    seen = sa.select(ObjectTask.task_id).where(ObjectTask.object_id == object_id)
    return _newest(limit, Task.id.in_(seen))


def of_agent(agent_id: int, limit: int) -> list[Row]:
    return _newest(limit, Task.agent_id == agent_id)


def _newest(limit: int, *conditions: Any) -> list[Row]:
    rows = sa.select(*COLUMNS).where(*conditions, Task.deleted_at.is_(None))
    newest = rows.order_by(Task.batch_id.desc(), Task.id.desc()).limit(limit)
    return [Row(values) for values in db.session.execute(newest)]


def chain(task: Task) -> list[Task]:
    """Its attempts, the first one first."""
    first = sa.select(Task).where(Task.id == task.root_id)
    later = sa.select(Task).where(matching.rare(Task.original_task_id == task.root_id)).order_by(Task.retry_number)
    return [*db.session.scalars(first), *db.session.scalars(later)]


def notes(task: Task) -> list[Note]:
    return list(
        db.session.scalars(sa.select(Note).where(Note.task_id == task.id, Note.deleted_at.is_(None)).order_by(Note.id))
    )


def parents(task: Task) -> list[Task]:
    return list(
        db.session.scalars(sa.select(Task).join(Edge, Edge.parent_id == Task.id).where(Edge.child_id == task.id))
    )


def open_of_batch(batch: Batch) -> int:
    inside = sa.select(sa.func.count()).select_from(Task).where(Task.batch_id == batch.id, Task.status.in_(OPEN))
    return db.session.scalar(inside) or 0
