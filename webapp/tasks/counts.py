"""Counters of tasks by status, in all and of large batches, and of ends by hour. A move inserts what it changes; the caretaker folds, readers sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from webapp.bulk import insert
from webapp.tasks import states
from webapp.tasks.models import BatchCount, Count, Ended, Task
from webapp.tasks.states import Status


class Move(NamedTuple):
    """The status that a task leaves, and the one that it gets."""

    organization_id: int
    crowd: int | None  # its batch, if that keeps counts of its own
    before: str | None
    after: str | None


def move(task: Task, before: str | None, after: str | None) -> Move:
    return Move(task.organization_id, task.batch_id if task.crowd else None, before, after)


def count(moves: Iterable[Move]) -> None:
    """Lists count the latest attempt of each chain, unless it was deleted."""
    sums: Counter[tuple[int, str]] = Counter()
    of_batches: Counter[tuple[int, int, str]] = Counter()
    for organization_id, crowd, before, after in moves:
        for status, difference in ((before, -1), (after, 1)):
            if status:
                sums[organization_id, status] += difference
            if status and crowd:
                of_batches[organization_id, crowd, status] += difference
    insert(Count, [{"organization_id": o, "status": s, "delta": d} for (o, s), d in sums.items() if d])
    told = {key: delta for key, delta in of_batches.items() if delta}
    insert(
        BatchCount, [{"organization_id": o, "batch_id": b, "status": s, "delta": d} for (o, b, s), d in told.items()]
    )


End = tuple[int, datetime, str, int]  # organisation, hour, status, difference


def ends(tasks: Iterable[Task], before: Status | None, now: datetime) -> Iterable[End]:
    """What a move of these says about how many have ended."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    for task in tasks:
        if task.status in states.FINAL:
            yield task.organization_id, hour, task.status, 1
        if before in states.FINAL:  # what was inferred has turned out to be something else
            yield task.organization_id, hour, str(before), -1


def count_ends(ended: Iterable[End]) -> None:
    sums: Counter[tuple[int, datetime, str]] = Counter()
    for organization_id, hour, status, difference in ended:
        sums[organization_id, hour, status] += difference
    insert(Ended, [{"organization_id": o, "hour": h, "status": s, "delta": d} for (o, h, s), d in sums.items() if d])
