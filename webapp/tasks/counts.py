"""Counters of tasks by status and of ends by hour. A move inserts what it changes; the caretaker folds, readers sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from webapp.bulk import insert
from webapp.tasks import states
from webapp.tasks.models import Count, Ended, Task
from webapp.tasks.states import Status

Move = tuple[int, str | None, str | None]  # organisation, the status that it leaves, the one that it gets


def count(moves: Iterable[Move]) -> None:
    """Lists count the latest attempt of each chain, unless it was deleted."""
    sums: Counter[tuple[int, str]] = Counter()
    for organization_id, before, after in moves:
        if before:
            sums[organization_id, before] -= 1
        if after:
            sums[organization_id, after] += 1
    rows = [{"organization_id": o, "status": s, "delta": d} for (o, s), d in sums.items() if d]
    if rows:
        insert(Count, rows)


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
    rows = [{"organization_id": o, "hour": h, "status": s, "delta": d} for (o, h, s), d in sums.items() if d]
    if rows:
        insert(Ended, rows)
