"""The JSON forms that several calls answer with: what they hold, and how they are made of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp import clock
from webapp.access.principal import principal
from webapp.agents.models import Agent
from webapp.db import db
from webapp.events import Event
from webapp.processes import beats
from webapp.rest.reading import asked
from webapp.rest.values import Flag, Json, Many, Moment, Named, OneOf, Shape, Text, Value, Whole
from webapp.tasks import equivalents, kinds, why
from webapp.tasks.lists.lines import Head
from webapp.tasks.models import Batch, Task
from webapp.tasks.states import SCANNER_WORDS, WAITING, Outcome, Status, Trigger


def answered(name: str, /, **fields: Value) -> Shape:
    """A form whose fields are always there."""
    return Shape(
        name=name, fields={field: replace(_unbounded(value), required=True) for field, value in fields.items()}
    )


def _unbounded(value: Value) -> Value:
    """What is answered may be empty, or as long as it is: bounds are for what is sent."""
    return replace(value, shortest=0, longest=2**31) if isinstance(value, Text) else value


WHY = Shape(name="Why", fields={
    "code": Text(required=True, about="For programs."),
    "text": Text(required=True, about="For people."),
    "href": Text(required=True, null=True, about="The page that mends it."),
    "at": Moment(about="Since or until when, where that is known."),
})  # fmt: skip

TASK = Shape(name="Task", about="One run by one executor.", fields=answered(
    "",
    id=Text(format="uuid"),
    type=Text(choices=tuple(kinds.KINDS)),
    status=Text(about="Lower case; with `case=upper` the scanner's words.", choices=tuple(Status) + tuple(sorted(set(SCANNER_WORDS.values())))),
    data=Named(about="What runs. Of a failed task also `error` and `traceback`."),
    organization=Text(about="The organization's short name."),
    batch_id=Text(format="uuid"),
    agent_id=Text(format="uuid", null=True),
    executor=Text(choices=("worker", "agent")),
    trigger=Text(choices=tuple(Trigger), about="Why it exists."),
    priority=Whole(high=11),
    created_at=Moment(),
    assigned_at=Moment(null=True),
    started_at=Moment(null=True),
    ended_at=Moment(null=True),
    updated_at=Moment(),
    exit_code=Whole(low=-(2**31), high=2**31, null=True, about="-1 failed before it ran, 259 timeout."),
    outcome=Text(choices=tuple(Outcome), null=True),
    result=Named(null=True, about="What a plugin answered with."),
    reason=Text(null=True, about="Why it failed or was skipped, for programs."),
    error=Text(null=True),
    traceback=Text(null=True),
    late=Flag(about="Its end became known after it had been taken for lost."),
    retry_number=Whole(),
    max_retries=Whole(),
    original_task_id=Text(format="uuid", null=True, about="The first attempt, of a retry."),
    definition_id=Whole(null=True),
    group_run_id=Whole(null=True),
    schedule_id=Whole(null=True),
    created_by=Text(),
    note_count=Whole(),
    why=Many(of=WHY, about="Why it waits; empty once it runs."),
).fields | {
    "what": Text(about="With `names=1`.", shortest=0),
    "input": Text(about="With `names=1`.", shortest=0),
    "agent": Text(about="With `names=1`: the host's name, or where it is to run.", shortest=0),
})  # fmt: skip

BATCH = answered(
    "Batch",
    id=Text(format="uuid"),
    counts=Named(of=Whole(), about="How many tasks have each status."),
    total=Whole(null=True, about="Null until a target that is resolved later has fanned out."),
    task_ids=Many(of=Text(format="uuid"), about="The first 1,000."),
    organization=Text(),
    type=Text(choices=tuple(kinds.KINDS)),
    what=Text(),
    trigger=Text(choices=tuple(Trigger)),
    created_at=Moment(),
    created_by=Text(),
)
EVENT = answered(
    "Event",
    at=Moment(),
    kind=Text(about="task.created, task.moved, note.added …"),
    before=Text(null=True, about="The status before."),
    after=Text(null=True, about="The status after."),
    reason=Text(null=True),
    text=Text(null=True),
    by=Text(about="Who or what did it."),
    data=Named(null=True),
)
TASK_OR_BATCH = OneOf(of=(TASK, BATCH), about="The task; where several were made, their batch.")

# For every call that answers with tasks or counts of them.
CASE: dict[str, Value] = {
    "case": Text(choices=("lower", "upper"), about="`upper` gives the scanner's status words."),
    "names": Flag(about="1 adds `what`, `input` and `agent`, for people."),
}


@dataclass(frozen=True)
class Names:
    """What a page of tasks names by public ids, read at once."""

    batches: dict[int, str]
    agents: dict[int, str]
    originals: dict[int, str]
    workers: int | None
    now: datetime

    @classmethod
    def of(cls, tasks: Sequence[Task], now: datetime) -> Names:
        waits = any(task.status in WAITING and task.executor == "worker" for task in tasks)
        return cls(
            _uuids(Batch, (task.batch_id for task in tasks)),
            _uuids(Agent, (task.agent_id for task in tasks)),
            _uuids(Task, (task.original_task_id for task in tasks)),
            beats.count_alive("worker", now) if waits else None,
            now,
        )


def task(row: Task) -> Json:
    return tasks([row])[0]


def tasks(rows: Sequence[Task]) -> list[Json]:
    names = Names.of(rows, clock.now())
    return [_task(row, names) for row in rows]


def _task(row: Task, names: Names) -> Json:
    form = {
        "id": row.uuid,
        "type": row.type,
        "status": word(row.status),
        "data": data(row),
        "organization": organization(row.organization_id),
        "batch_id": names.batches.get(row.batch_id),
        "agent_id": names.agents.get(row.agent_id or 0),
        "executor": row.executor,
        "trigger": row.trigger,
        "priority": row.priority,
        **{
            name: clock.iso(getattr(row, name))
            for name in ("created_at", "assigned_at", "started_at", "ended_at", "updated_at")
        },
        "exit_code": row.exit_code,
        "outcome": row.outcome,
        "result": row.result,
        "reason": row.reason,
        "error": row.error,
        "traceback": row.traceback,
        "late": row.late,
        "retry_number": row.retry_number,
        "max_retries": row.max_retries,
        "original_task_id": names.originals.get(row.original_task_id or 0),
        "definition_id": row.definition_id,
        "group_run_id": row.group_run_id,
        "schedule_id": row.schedule_id,
        "created_by": row.created_by,
        "note_count": row.note_count,
        "why": reasons(row, names.now, names.workers),
    }
    if asked().get("names"):
        form |= {"what": row.what, "input": row.input, "agent": row.place}
    return form


def data(row: Task) -> Json:
    shown = equivalents.data(row)
    return shown | {"error": row.error, "traceback": row.traceback} if row.status == Status.FAILED else shown


def reasons(row: Task, now: datetime, workers: int | None = None) -> list[Json]:
    return [
        {"code": each.code, "text": each.text, "href": each.href} | ({"at": clock.iso(each.at)} if each.at else {})
        for each in why.why(row, now, workers)
    ]


def batch(row: Batch | Head, counts: dict[str, int], task_ids: Iterable[str] | None = None) -> Json:
    words: dict[str, int] = {}
    for status, number in counts.items():
        words[word(status)] = words.get(word(status), 0) + number
    return {
        "id": row.uuid,
        "counts": words,
        "total": row.total,
        **({} if task_ids is None else {"task_ids": list(task_ids)}),
        "organization": organization(row.organization_id),
        "type": row.type,
        "what": row.what,
        "trigger": row.trigger,
        "created_at": clock.iso(row.created_at),
        "created_by": row.created_by,
    }


def event(row: Event) -> Json:
    return {
        "at": clock.iso(row.at),
        "kind": row.kind,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
        "text": row.text,
        "by": row.actor,
        "data": row.data,
    }


def word(status: str) -> str:
    return SCANNER_WORDS[Status(status)] if asked().get("case") == "upper" else status


def organization(organization_id: int) -> str:
    return next((org.slug for org in principal.orgs if org.id == organization_id), "")


def _uuids(model: Any, ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    found = db.session.execute(sa.select(model.id, model.uuid).where(model.id.in_(wanted)))
    return {row.id: row.uuid for row in found}
