"""Batches: all the tasks that one act made."""

from __future__ import annotations

from webapp.access.guards import get_or_404
from webapp.access.permissions import Permission as P
from webapp.rest import patience, shapes
from webapp.rest.pages import PAGE, list_of, listed, start
from webapp.rest.reading import asked
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import BATCH, CASE
from webapp.rest.specs import ALSO, NEW_TASK
from webapp.rest.tasks import FILTERS, WAIT, chosen, launched, made
from webapp.rest.values import Json, Shape
from webapp.tasks import queries
from webapp.tasks.lists import batches, rows
from webapp.tasks.models import Batch

section = Section("batches", "Batches", "All the tasks made by one act: one call, one click, one slot of a schedule.")

LISTED = Shape(name="ListedBatch", fields={name: value for name, value in BATCH.fields.items() if name != "task_ids"})
CASE_ONLY = {"case": CASE["case"]}


@section.get("/batches/", needs=(P.TASKS_READ,), query=FILTERS | PAGE | CASE_ONLY, answer=list_of(LISTED))
def index() -> Answer:
    """List batches.

    Newest first. A batch is listed when one of its tasks matches. The ids of its tasks are told by the batch itself.
    """
    begin = start()
    page = batches.page(chosen(), asked()["limit"], begin[0] if begin else None)
    forms = [shapes.batch(line.batch, line.counts) for line in page.lines]
    return listed(forms, (page.older,) if page.older else None)


@section.post(
    "/batches/",
    needs=(P.TASKS_CREATE,),
    body=NEW_TASK,
    query=CASE_ONLY,
    answer=BATCH,
    status=201,
    also=ALSO,
)
def create() -> Answer:
    """Make tasks and run them, answered with their batch.

    As `POST /tasks/`, but for the answer.
    """
    return made(launched())


@section.get("/batches/<batch_id>/", needs=(P.TASKS_READ,), query=CASE_ONLY | WAIT, answer=BATCH)
def show(batch_id: str) -> Json:
    """Fetch a batch.

    Counts are of the latest attempt of each task. With `wait` it answers once none of them is open.
    """
    batch = get_or_404(Batch, uuid=batch_id.lower())
    if seconds := asked().get("wait"):
        patience.wait(lambda: _ended(batch), seconds)
    return shapes.batch(batch, batches.line(batch).counts, rows.of_batch(batch, 1_000))


def _ended(batch: Batch) -> bool:
    patience.look_again(batch)
    return batch.total is not None and queries.open_of_batch(batch) == 0
