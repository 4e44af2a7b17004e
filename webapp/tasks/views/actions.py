"""What can be done with one task. Each is one verb; a refused one is told, and the list shows how things are now."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response

from webapp import clock, htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _
from webapp.security import here
from webapp.tasks import launch, lifecycle
from webapp.tasks.models import Batch, Task

bp = Blueprint("task_actions", __name__, url_prefix="/tasks")


@bp.post("/<task_id>/cancel")
@requires(Permission.TASKS_CANCEL)
def cancel(task_id: str) -> Response:
    task = _task(task_id)
    lifecycle.cancel(task, principal.actor, clock.now())
    db.session.commit()
    return _changed(
        _("Stopping it. It is terminated once its executor has confirmed that") if task.open else _("Cancelled")
    )


@bp.post("/<task_id>/run-now")
@requires(Permission.TASKS_CREATE)
def run_now(task_id: str) -> Response:
    lifecycle.run_now(_task(task_id), principal.actor, clock.now())
    db.session.commit()
    return _changed(_("It is next in its queue"))


@bp.post("/<task_id>/retry")
@requires(Permission.TASKS_CREATE)
def retry(task_id: str) -> Response:
    attempt = lifecycle.retry(_task(task_id), principal.actor, clock.now())
    db.session.commit()
    return _made(attempt, _("Retry %(retry_number)s is queued", retry_number=attempt.retry_number), task_id)


@bp.post("/<task_id>/reschedule")
@requires(Permission.TASKS_CREATE)
def reschedule(task_id: str) -> Response:
    batch = launch.reschedule(_task(task_id), principal.actor, clock.now())
    db.session.commit()
    return _made(_first(batch), _("The same is queued again as a new task"), task_id)


@bp.post("/<task_id>/delete")
@requires(Permission.TASKS_DELETE)
def delete(task_id: str) -> Response:
    task = _task(task_id)
    lifecycle.delete(task, principal.actor, clock.now())
    db.session.commit()
    undo = {"url": f"/tasks/{task.uuid}/restore"}
    if _on_its_page(task.uuid):
        return htmx.moved("/tasks", _("%(what)s was deleted", what=task.what), undo)
    return htmx.changed(None, "/tasks", _("%(what)s was deleted", what=task.what), refresh="tasks", undo=undo)


@bp.post("/<task_id>/restore")
@requires(Permission.TASKS_DELETE)
def restore(task_id: str) -> Response:
    task = get_or_404(Task, uuid=task_id)
    lifecycle.restore(task, principal.actor, clock.now())
    db.session.commit()
    return _changed(_("%(what)s is back", what=task.what))


def _task(task_id: str) -> Task:
    return get_or_404(Task, uuid=task_id, deleted_at=None)


def _first(batch: Batch) -> Task:
    return db.session.scalars(sa.select(Task).where(Task.batch_id == batch.id).order_by(Task.id).limit(1)).one()


def _changed(text: str) -> Response:
    return htmx.changed(None, here(), text, refresh="tasks")


def _made(task: Task, text: str, of: str) -> Response:
    """A plain form, and the page of the task that it was made of, lead to it; a list stays, and its toast leads there."""
    there = f"/tasks/{task.uuid}"
    if _on_its_page(of):
        return htmx.moved(there, text)
    return htmx.changed(None, there, text, refresh="tasks", href=there)


def _on_its_page(uuid: str) -> bool:
    """That page has no more to tell: its task has ended, or is gone."""
    return here().partition("?")[0] == f"/tasks/{uuid}"
