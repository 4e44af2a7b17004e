"""The list of batches: one shows when one of its tasks matches, newest first.

A page is keyed by the batch's id, so that the thousandth costs what the first does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from webapp.db import db
from webapp.tasks.lists import matching
from webapp.tasks.lists.filters import Filter
from webapp.tasks.lists.lines import COLUMNS, COUNTED, Head, Line, Page, Row
from webapp.tasks.lists.matching import where
from webapp.tasks.models import Batch, BatchCount, Task
from webapp.tasks.states import BAD

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
