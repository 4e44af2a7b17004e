"""What can be done with a task. Each is one verb of webapp/tasks; a refused one answers 409 with its reason."""

from __future__ import annotations

from webapp import clock
from webapp.access.guards import get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.rest import shapes
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import CASE, TASK
from webapp.rest.tasks import found, only_task
from webapp.rest.values import Json
from webapp.tasks import launch, lifecycle
from webapp.tasks.models import Task

section = Section(
    "verbs", "Acting on a task", "A refused verb answers 409: `reason` for programs, `detail` for people."
)


@section.post("/tasks/<task_id>/cancel", needs=(P.TASKS_CANCEL,), query=CASE, answer=TASK)
def cancel(task_id: str) -> Json:
    """Cancel a task.

    One that waits is withdrawn. One that runs is asked to stop, with its whole process tree: it is `terminated` once
    its executor has confirmed that.
    """
    task = found(task_id)
    lifecycle.cancel(task, principal.actor, clock.now())
    return shapes.task(task)


@section.post("/tasks/<task_id>/run-now", needs=(P.TASKS_CREATE,), query=CASE, answer=TASK)
def run_now(task_id: str) -> Json:
    """Run a waiting task now.

    A scheduled or blocked one at once, whatever it waits for; a queued one before all others.
    """
    task = found(task_id)
    lifecycle.run_now(task, principal.actor, clock.now())
    return shapes.task(task)


@section.post("/tasks/<task_id>/retry", needs=(P.TASKS_CREATE,), query=CASE, answer=TASK, status=201)
def retry(task_id: str) -> Answer:
    """Try a task again.

    The next attempt of its chain. Answers with the new task.
    """
    return _new(lifecycle.retry(found(task_id), principal.actor, clock.now()))


@section.post("/tasks/<task_id>/reschedule", needs=(P.TASKS_CREATE,), query=CASE, answer=TASK, status=201)
def reschedule(task_id: str) -> Answer:
    """Run the same again.

    A new task with the same spec and input, and a chain of its own.
    """
    return _new(only_task(launch.reschedule(found(task_id), principal.actor, clock.now())))


@section.post("/tasks/<task_id>/restore", needs=(P.TASKS_DELETE,), query=CASE, answer=TASK)
def restore(task_id: str) -> Json:
    """Take back a deletion."""
    task = get_or_404(Task, uuid=task_id.lower())
    lifecycle.restore(task, principal.actor, clock.now())
    return shapes.task(task)


def _new(task: Task) -> Answer:
    return Answer(shapes.task(task), headers={"Location": f"/api/v1/tasks/{task.uuid}/"})
