"""The one way in: a spec becomes a batch of tasks, whoever asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.agents.models import Agent
from webapp.bulk import insert, next_ids
from webapp.crash import crash_here
from webapp.db import db, writing
from webapp.events import SYSTEM, Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks import kinds, moves, retries, targets
from webapp.tasks.kinds import Part
from webapp.tasks.lists import search
from webapp.tasks.models import Batch, Edge, Task, new_uuid
from webapp.tasks.spec import ANYONE, Spec, SpecError, Target, error, parse_options, parse_target
from webapp.tasks.states import Status, Trigger
from webapp.tasks.targets import Place


@dataclass(frozen=True)
class Origin:
    """What a launch comes from, beside the person: kept on each of its tasks."""

    schedule_id: int | None = None
    slot_id: int | None = None
    definition_id: int | None = None
    group_run_id: int | None = None
    rescheduled_from_id: int | None = None


NOWHERE = Origin()
CROWD = 100  # tasks, from which on a batch keeps counts of its own


class Prepared(NamedTuple):
    """A spec with what a launch would make of it."""

    spec: Spec
    parts: list[Part]
    places: list[Place]

    @property
    def tasks(self) -> int:
        return len(self.parts) * len(self.places)

    @property
    def total(self) -> int | None:
        """None while agents are still to be found."""
        return (
            None if any(place.owner in targets.LATER and place.agent is None for place in self.places) else self.tasks
        )

    @property
    def crowd(self) -> bool:
        """Decided once, by what is known now: what keeps counts must keep them from the first task on."""
        return self.total is None or self.total >= CROWD


class Wanted(NamedTuple):
    """One launch of many that are made together, under a number that its batch was given beforehand."""

    prepared: Prepared
    by: Actor
    origin: Origin
    batch_id: int


def launch(
    spec: Spec, trigger: Trigger, by: Actor, now: datetime, *, origin: Origin = NOWHERE, parents: Sequence[Task] = (),
    members: Sequence[str] | None = None, uuid: str | None = None,
) -> Batch:  # fmt: skip
    """Expand, snapshot, insert, ring. Raises SpecError before anything is written.

    `members`: those of the target's object set that are meant, where it is not all of them.
    `uuid`: the batch's own, by whoever must not make it twice.
    """
    spec = kinds.sealed(spec)
    parts = _parts(spec, now, members)
    due = not (spec.options.not_before and spec.options.not_before > now)
    places = _capable_places(spec, parts, targets.places(spec, writing(), now, due))
    prepared = Prepared(spec, parts, places)
    batch = Batch(**_batch(prepared, trigger, by, now) | {"uuid": uuid or new_uuid()})
    db.session.add(batch)
    db.session.flush()
    _begin(_rows(prepared, batch.id, trigger, by, now, origin, bool(parents)), parents, by, now)
    return batch


def prepare(spec: Spec, now: datetime) -> Prepared:
    """SpecError as a launch would raise it."""
    return Prepared(spec, *check(spec, now))


def launch_all(wanted: Sequence[Wanted], trigger: Trigger, now: datetime) -> None:
    """What many launches would make, in as few statements; for specs that are due now."""
    different = {id(each.prepared): each.prepared for each in wanted}  # many run the same
    templates = {key: _templates(prepared, trigger, now) for key, prepared in different.items()}
    batches, rows, made_by = [], [], []
    for prepared, by, origin, batch_id in wanted:
        batch, runs = templates[id(prepared)]
        who = {"created_by_id": by.id, "created_by": by.name}
        batches.append(batch | who | {"uuid": new_uuid(), "id": batch_id})
        own = who | vars(origin) | {"batch_id": batch_id}
        rows += [run | own | {"uuid": new_uuid()} for run in runs]
        made_by += [by] * len(runs)
    insert(Batch, batches)
    _make(rows, made_by, now)


def _templates(prepared: Prepared, trigger: Trigger, now: datetime) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The rows of a batch and of its tasks, but for their names, whom they are from, and what they come from."""
    return _batch(prepared, trigger, SYSTEM, now), _rows(prepared, 0, trigger, SYSTEM, now, NOWHERE)


def extend(
    batch: Batch, spec: Spec, by: Actor, now: datetime, *, members: Sequence[str], origin: Origin = NOWHERE
) -> None:
    """More of the same act, for an object set that is too large for one transaction."""
    parts = _parts(spec, now, members)
    places = _capable_places(spec, parts, targets.places(spec, writing(), now, True))
    rows = _rows(Prepared(spec, parts, places), batch.id, Trigger(batch.trigger), by, now, origin)
    crowd = db.session.scalar(sa.select(Task.crowd).where(Task.batch_id == batch.id).limit(1))
    _begin([row | {"crowd": bool(crowd)} for row in rows], (), by, now)
    batch.total = (batch.total or 0) + len(rows)


def check(spec: Spec, now: datetime, *, members: Sequence[str] | None = None) -> tuple[list[Part], list[Place]]:
    """What a launch would make, without making it: for previews."""
    parts = _parts(spec, now, members)
    return parts, _capable_places(spec, parts, targets.places(spec, writing(), now, True))


def _parts(spec: Spec, now: datetime, members: Sequence[str] | None = None) -> list[Part]:
    if spec.type not in kinds.KINDS:
        raise error(
            "type",
            _(
                'There is no task type "%(type)s". Choose one of %(kinds)s',
                type=spec.type,
                kinds=", ".join(kinds.KINDS),
            ),
        )
    return kinds.of(spec.type).prepare(targets.with_members(spec, writing(), now, members))


def _capable_places(spec: Spec, parts: list[Part], found: list[Place]) -> list[Place]:
    """A named agent that cannot run it is refused; ALL and tags simply pass over it."""
    agents = [place.agent for place in found if place.agent is not None]
    if not agents:
        return found
    fits, reasons = targets.capable(spec.type, parts[0].data, agents)
    if reasons and spec.target.kind == "agents":
        raise SpecError([{"field": "target.agents", "message": reason} for reason in reasons])
    kept = [place for place in found if place.agent in fits]
    return kept or [replace(found[0], agent=None)]


def _batch(prepared: Prepared, trigger: Trigger, by: Actor, now: datetime) -> dict[str, Any]:
    spec = prepared.spec
    return {
        "organization_id": writing(), "type": spec.type, "what": prepared.parts[0].what, "trigger": trigger,
        "spec": spec.to_json(), "created_at": now, "created_by_id": by.id, "created_by": by.name, "total": prepared.total,
    }  # fmt: skip


def _rows(
    prepared: Prepared, batch_id: int, trigger: Trigger, by: Actor, now: datetime, origin: Origin, blocked: bool = False
) -> list[dict[str, Any]]:
    spec, parts, places = prepared
    return [
        _row(spec, batch_id, part, place, trigger, by, now, origin, blocked) | {"crowd": prepared.crowd}
        for part in parts
        for place in places
    ]


def _row(
    spec: Spec,
    batch_id: int,
    part: Part,
    place: Place,
    trigger: Trigger,
    by: Actor,
    now: datetime,
    origin: Origin,
    blocked: bool,
) -> dict[str, Any]:
    options, kind = spec.options, kinds.of(spec.type)
    later = options.not_before if options.not_before and options.not_before > now else None
    status = Status.BLOCKED if blocked else Status.SCHEDULED if later else Status.PENDING
    retries = kind.MAX_RETRIES if options.max_retries is None else options.max_retries
    return {
        "uuid": new_uuid(), "organization_id": writing(), "batch_id": batch_id, "type": spec.type,
        "what": part.what, "input": part.input, "data": part.data, "options": options.to_json() | part.options,
        "plugin_id": part.plugin_id, "test_id": part.test_id, "tags": list(options.tags), "executor": place.executor,
        "owner": place.owner, "target": spec.target.to_json(), "agent_id": place.agent.id if place.agent else None,
        "agent_name": place.agent.hostname if place.agent else "", "trigger": trigger, "created_by_id": by.id,
        "created_by": by.name, **vars(origin), "retry_number": 0, "max_retries": retries, "latest": True,
        "status": status, "moves": 1, "created_at": now, "updated_at": now,
        "priority": max(options.priority, kinds.priority(spec.type)),
        "not_before": later, "queued_at": now if status == Status.PENDING else None, "expires_at": _expiry(spec, now),
        "execution_timeout": options.execution_timeout, "pending_parents": 0, "limit_name": options.limit,
    }  # fmt: skip


def _expiry(spec: Spec, now: datetime) -> datetime:
    begin = max(now, spec.options.not_before or now)
    expiry = begin + (timedelta(seconds=spec.options.expires_in) if spec.options.expires_in else kinds.QUEUE_LIFE)
    if spec.options.window:
        expiry = min(expiry, datetime.fromisoformat(spec.options.window["end"]))
    return expiry


def _begin(rows: list[dict[str, Any]], parents: Sequence[Task], by: Actor, now: datetime) -> None:
    _make(rows, [by] * len(rows), now)
    _link(parents, rows)


def _make(rows: list[dict[str, Any]], made_by: Sequence[Actor], now: datetime) -> None:
    """Inserted, found and told of; each row gets its id."""
    if not rows:
        return
    for row, task_id in zip(rows, next_ids(Task, len(rows)), strict=True):
        row["id"] = task_id
    insert(Task, rows)
    search.add(rows)
    crash_here("launched")
    moves.made(rows, made_by, now)


def _link(parents: Sequence[Task], children: list[dict[str, Any]]) -> None:
    if not parents:
        return
    edges = [{"organization_id": c["organization_id"], "parent_id": p.root_id, "child_id": c["id"], "on": "succeeded"}
             for c in children for p in parents]  # fmt: skip
    db.session.execute(sa.insert(Edge), edges)
    ids = [child["id"] for child in children]
    db.session.execute(
        sa.update(Task).where(Task.id.in_(ids)).values(pending_parents=len(parents)),
        execution_options={"synchronize_session": False},
    )


def fan_out(task: Task, by: Actor, now: datetime) -> int:
    """A queued ALL, tag or user task takes the first agent that matches now; its twins take the others."""
    found = targets.matching(parse_target(task.target), task.organization_id, now)
    fits, _ = targets.capable(task.type, task.data, found)
    if not fits:
        return 0
    moves.update(
        task,
        now,
        Task.agent_id.is_(None),
        Task.status == Status.PENDING,
        agent_id=fits[0].id,
        agent_name=fits[0].hostname,
    )
    copied = {name: getattr(task, name) for name in (*retries.COPIED, "trigger", "created_by", "created_by_id",
              "rescheduled_from_id", "max_retries", "expires_at")}  # fmt: skip
    rows = [copied | {"uuid": new_uuid(), "agent_id": agent.id, "agent_name": agent.hostname, "status": Status.PENDING,
                      "moves": 1, "created_at": now, "updated_at": now, "queued_at": now, "retry_number": 0,
                      "latest": True, "pending_parents": 0} for agent in fits[1:]]  # fmt: skip
    _make(rows, [by] * len(rows), now)
    search.refresh(task)
    db.session.execute(
        sa.update(Batch).where(Batch.id == task.batch_id).values(total=sa.func.coalesce(Batch.total, 0) + len(fits)),
        execution_options={"synchronize_session": False},
    )
    moves.ring([task])
    return len(fits)


def respec(task: Task) -> Spec:
    """The spec of a task as it ran: one run of the batch's, on the same place."""
    agent = db.session.get(Agent, task.agent_id) if task.agent_id and task.owner != ANYONE else None
    target = parse_target({"agents": [agent.uuid]} if agent else task.target)
    options = {k: v for k, v in task.options.items() if k not in ("not_before", "window")}
    # Its own object or file is already in its data; the target names those of all its siblings.
    return Spec(task.type, task.data, target if target.on_agents else Target(), parse_options(options))


def reschedule(task: Task, by: Actor, now: datetime) -> Batch:
    """A new task with the same spec and input; a new chain that names the old one."""
    if task.open:
        raise Refused(
            "open", _("This task is still %(label)s. Cancel it first, or wait for its end", label=_(task.looks.label))
        )
    return launch(respec(task), Trigger.RESCHEDULE, by, now, origin=Origin(rescheduled_from_id=task.id))
