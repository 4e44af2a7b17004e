"""Tasks: making them, finding them, waiting for one."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404, may
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.rest import patience, shapes
from webapp.rest.pages import PAGE, list_of, listed, start
from webapp.rest.reading import asked, sent
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import CASE, TASK, TASK_OR_BATCH
from webapp.rest.specs import ALSO, NEW_TASK
from webapp.rest.values import Json, Many, Text, Value, Whole
from webapp.tasks import kinds, launch, lifecycle, queries, spec
from webapp.tasks.lists import batches, filters, rows
from webapp.tasks.lists.filters import Filter
from webapp.tasks.models import Batch, Task
from webapp.tasks.states import Trigger

section = Section(
    "tasks", "Tasks", "One run by one executor. Never run again in place: a retry or reschedule is a new task."
)

ABOUT = {
    "status": "Any status, or the words of other systems: queued, running, active, success, open, final …",
    "q": "The filter line of the pages: `status:failed agent:web-* since:24h words`.",
    "since": "Made after: `24h`, `7d`, a day or a time.",
    "until": "Made before.",
    "notes": "1: only those with notes.",
    "org": "Short name of an organization.",
    "agent": "Id or hostname; `web-*` is a beginning.",
}
# `limit` is how many a list answers with; tasks of a concurrency limit are found by `q=limit:name`.
FILTERS: dict[str, Value] = {
    name: Many(of=Text(), about=ABOUT.get(name, ""))
    for name in ("q", *filters.KEYS, *filters.SYNONYMS)
    if name != "limit"
}
WAIT: dict[str, Value] = {
    "wait": Whole(high=patience.LONGEST, about="Seconds to wait for the end, if the server has a thread to spare.")
}
COUNT = shapes.answered("", count=Whole(about=f"At most {queries.ID_CAP:,}."))


@section.get("/tasks/", needs=(P.TASKS_READ,), query=FILTERS | PAGE | CASE, answer=list_of(TASK))
def index() -> Answer:
    """List tasks.

    The newest act first. All filters of the page, with the same names; one that is repeated means any of its values.
    """
    limit, after = asked()["limit"], start(2)
    found = rows.newest(chosen(), limit + 1, after)  # type: ignore[arg-type]
    last = found[limit - 1] if len(found) > limit else None
    return listed(shapes.tasks(found[:limit]), (last.batch_id, last.id) if last else None)


@section.get("/tasks/count", needs=(P.TASKS_READ,), query=FILTERS, answer=COUNT)
def count() -> Json:
    """Count the tasks that match.

    The latest attempts of those that match: what a bulk call with the same filter would act on.
    """
    return {"count": queries.count(chosen(), queries.ID_CAP)}


@section.post(
    "/tasks/",
    needs=(P.TASKS_CREATE,),
    body=NEW_TASK,
    query=CASE,
    answer=TASK_OR_BATCH,
    status=201,
    also=ALSO,
)
def create() -> Answer:
    """Make tasks and run them.

    They are stored and their executors told when this answers. One task is answered as itself, several as their batch.
    """
    batch = launched()
    if batch.total != 1:
        return made(batch)
    task = only_task(batch)
    return Answer(shapes.task(task), headers=_at("tasks", task.uuid))


@section.get("/tasks/<task_id>/", needs=(P.TASKS_READ,), query=CASE | WAIT, answer=TASK)
def show(task_id: str) -> Json:
    """Fetch a task.

    An id may be shortened to eight characters or more, as long as it is only one task's.
    """
    task = found(task_id)
    if not task.final and (seconds := asked().get("wait")):
        patience.wait(lambda: _ended(task), seconds)
    return shapes.task(task)


@section.delete("/tasks/<task_id>/", needs=(P.TASKS_DELETE,))
def delete(task_id: str) -> None:
    """Delete a task that has ended."""
    lifecycle.delete(found(task_id), principal.actor, clock.now())


def chosen() -> Filter:
    return filters.parse(
        MultiDict((name, text) for name, text in request.args.items(multi=True) if name in FILTERS),
        clock.now(),
        principal.person,
    )


def found(task_id: str) -> Task:
    """By its whole id or a beginning that is only one task's, among those that this principal may see."""
    if len(task_id) < 36 and (task := queries.by_uuid(task_id.lower())):
        task_id = task.uuid
    return get_or_404(Task, uuid=task_id.lower(), deleted_at=None)


def launched() -> Batch:
    """The batch that a spec in the body makes."""
    body = sent()
    slug: Any = body.pop("organization", None)
    organization_id = choose_organization(_slug(slug), P.TASKS_CREATE)
    wanted = spec.parse(body)
    may(kinds.needed(wanted.type), org_id=organization_id)
    return launch.launch(wanted, Trigger.API, principal.actor, clock.now())


def made(batch: Batch) -> Answer:
    form = shapes.batch(batch, batches.line(batch).counts, rows.of_batch(batch, 1_000))
    return Answer(form, headers=_at("batches", batch.uuid))


def only_task(batch: Batch) -> Task:
    return get_or_404(Task, uuid=rows.of_batch(batch, 1)[0])


def _slug(given: Any) -> str | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int) or not str(given):
        raise spec.error("organization", "Enter the short name or the id of an organization")
    return str(given)


def _at(noun: str, uuid: str) -> dict[str, str]:
    return {"Location": f"/api/v1/{noun}/{uuid}/"}


def _ended(task: Task) -> bool:
    patience.look_again(task)
    return task.final
