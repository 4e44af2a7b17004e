"""What the storm has broken: the invariants of the rows, the ledger outside, and what the clients were promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import sqlalchemy as sa

from bench.storm import marker, schedules
from bench.storm.agents_load import AgentClient
from bench.storm.load import Accepted
from bench.storm.schedules import Planned
from bench.storm.site import Site
from webapp.config import Settings
from webapp.schedules.invariants import slots
from webapp.tasks import invariants
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.states import OPEN, Status


def violations(site: Site, accepted: Accepted, planned: list[Planned]) -> list[str]:
    with site.unit() as session:
        tasks = list(session.scalars(sa.select(Task)))
        found = [str(each) for each in [*invariants.check(session, site.settings.data), *slots(session)]]
        found += schedules.violations(session, planned)
    found += promised(tasks, accepted) + ended(tasks) + accepted.strange
    return found + started(tasks, marker.marks(site.ledger)) + printed(tasks, site.settings)


def promised(tasks: list[Task], accepted: Accepted) -> list[str]:
    """Inv1: each key that was answered has exactly one chain, and no other key has two."""
    roots: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        if task.original_task_id is None:
            roots[marker.asked(task.type, task.data)[0]].append(task.uuid)
    lost = [
        f"Inv1 {key}: {roots.get(key)}, promised {uuid}"
        for key, uuid in accepted.uuids.items()
        if roots.get(key) != [uuid]
    ]
    once = [key for key in accepted.open if not AgentClient.for_all(key)]
    return lost + [f"Inv1 {key}: {len(roots[key])} chains" for key in once if len(roots.get(key, ())) > 1]


def ended(tasks: list[Task]) -> list[str]:
    """Inv1: nothing is open after the quiet."""
    return [f"Inv1 task {task.id}: still {task.status}" for task in tasks if task.status in OPEN]


def started(tasks: list[Task], marks: list[marker.Mark]) -> list[str]:
    """Inv2: the witness saw each row begin at most once, and each completed one begin and end once."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for mark in marks:
        seen[mark.uuid][mark.word] += 1
    known = {task.uuid: task for task in tasks}
    found = [f"Inv2 {uuid}: ran, and there is no such task" for uuid in seen if uuid not in known]
    for task in tasks:
        saw = seen[task.uuid]
        if saw["start"] > 1 or (saw["start"] and not task.started_at):
            found.append(f"Inv2 task {task.id}: {task.status}, ran {saw['start']} times")
        if task.status == Status.COMPLETED and (saw["start"], saw["end"]) != (1, 1):
            found.append(f"Inv2 task {task.id}: completed, began {saw['start']} and ended {saw['end']} times")
    return found


def printed(tasks: list[Task], settings: Settings) -> list[str]:
    """Inv6: what a run printed that came to its end is kept byte for byte."""
    found = []
    for task in tasks:
        if task.status == Status.COMPLETED or task.reason == "exit_code":
            folder = output.folder(settings.data, task.uuid)
            kept = output.digest(folder, "stdout")
            if kept != marker.digest(*marker.asked(task.type, task.data)) or task.dropped_bytes:
                found.append(f"Inv6 task {task.id}: output differs, {task.dropped_bytes} bytes dropped")
    return found


def summary(site: Site) -> dict[str, Any]:
    """How the tasks ended, in counts."""
    with site.unit() as session:
        rows = session.execute(sa.select(Task.status, Task.reason, Task.retry_number, Task.late)).all()
        slots_ended = schedules.ends(session)
    ends: Counter[str] = Counter(f"{row.status} {row.reason}" if row.reason else row.status for row in rows)
    return {
        "rows": len(rows),
        "retries": sum(row.retry_number > 0 for row in rows),
        "late": sum(row.late for row in rows),
        "ends": dict(ends.most_common()),
        "slots": slots_ended,
    }
