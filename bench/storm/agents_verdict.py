"""What the storm has broken on hosts: what they wrote against what the server keeps, and what they had to say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa

from bench.storm import marker
from bench.storm.agents import Fleet
from bench.storm.load import Accepted
from bench.storm.site import Site
from webapp.events import Event
from webapp.tasks.log import output
from webapp.tasks.models import Batch, LateResult, Task

ENOUGH = 5  # one host may be frozen or cut off while its clock is wrong


def violations(site: Site, fleet: Fleet, accepted: Accepted) -> list[str]:
    with site.unit() as session:
        tasks = list(session.scalars(sa.select(Task).where(Task.executor == "agent")))
        batches = dict(session.execute(sa.select(Batch.uuid, Batch.id)).tuples().all())
        late = list(session.scalars(sa.select(LateResult).order_by(LateResult.id)))
        differing = set(session.scalars(sa.select(Event.subject_id).where(Event.kind == "task.output_differs")))
    ended = {mark.uuid for mark in marker.marks(site.ledger) if mark.word == "end"}
    found = [*otherwise([task for task in tasks if task.id in differing], late, site)]
    found += [*for_all(tasks, batches, accepted), *cut_off(tasks, site)]
    if fleet.turned >= ENOUGH and not fleet.told:
        found.append(f"R18 {fleet.turned} clocks were turned, and the server knew of none")
    return [*found, *forgotten(tasks, {each.task_id for each in late}, ended, fleet), *of_hosts(fleet)]


def otherwise(differing: list[Task], late: list[LateResult], site: Site) -> Iterator[str]:
    """Inv6: the host hashed what the server has. A copy of a host knows only the beginning of what it did not run, and
    says so: then the last word counts, which came late and was believed."""
    believed = {each.task_id: each.body["sha256"] for each in late if each.resolved and "sha256" in each.body}
    for task in differing:
        folder = output.folder(site.settings.data, task.uuid)
        if any(output.digest(folder, name) != believed.get(task.id, {}).get(name) for name in ("stdout", "stderr")):
            yield f"Inv6 task {task.id}: the host hashed other bytes than the server has"


def for_all(tasks: list[Task], batches: dict[str, int], accepted: Accepted) -> Iterator[str]:
    """Inv1: a task for all has one chain for each host that was there, and none has two."""
    roots: dict[int, list[int | None]] = defaultdict(list)
    keys: dict[str, set[int]] = defaultdict(set)
    for task in tasks:
        if task.original_task_id is None:
            roots[task.batch_id].append(task.agent_id)
            keys[marker.asked(task.type, task.data)[0]].add(task.batch_id)
    for key, uuid in accepted.batches.items():
        hosts = roots.get(batches.get(uuid, 0)) or _of(uuid, tasks)
        if not hosts or len(hosts) != len(set(hosts)):
            yield f"Inv1 {key}: for all, and there are chains on {hosts}"
        if len(keys[key]) > 1:
            yield f"Inv1 {key}: {len(keys[key])} batches"


def _of(uuid: str, tasks: list[Task]) -> list[int | None]:
    """Where one host alone was there, the answer was its task."""
    return [task.agent_id for task in tasks if task.uuid == uuid]


def cut_off(tasks: list[Task], site: Site) -> Iterator[str]:
    """Inv6: what a run printed that was cut off is the beginning of what it would have printed."""
    for task in tasks:
        text = marker.text(*marker.asked(task.type, task.data))
        kept = output.read(output.folder(site.settings.data, task.uuid), "stdout")
        if not task.dropped_bytes and not text.startswith(kept):
            yield f"Inv6 task {task.id}: {task.status} {task.reason}, {len(kept)} bytes that it never printed so"


def forgotten(tasks: list[Task], evidence: set[int], ended: set[str], fleet: Fleet) -> Iterator[str]:
    """A run that came to its end is believed, or at least kept as late evidence."""
    untold = fleet.killed.union(*(host.thrown_away for host in fleet.hosts))
    for task in tasks:
        unknown = task.status == "failed" and not task.outcome_known
        if unknown and task.uuid in ended and task.id not in evidence and task.uuid not in untold:
            yield f"Inv4 task {task.id}: {task.reason}, and it came to its end on its host"


def of_hosts(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        yield from (f"Inv1 {host.name}: rejected {line}" for line in host.rejected())
        yield from (f"Inv1 {host.name}: {name} still waits" for name in host.waiting())
        if host.copy is not None:
            yield f"S13 {host.name}: two copies of it, and nobody noticed"


def summary(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        yield f"{host.name}: {host.proxy.seen}, {host.conflicts} conflicts settled"
    if fleet.small is None:
        yield "no disk was filled: only root can mount a small one"
    yield f"{fleet.turned} clocks were turned, {fleet.told} of them were known when they were set right"
