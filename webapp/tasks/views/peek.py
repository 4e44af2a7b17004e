"""What a row of the list opens: the end of a task's output, and the menu of what can be done with it."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, current_app, redirect, render_template
from markupsafe import Markup

from webapp import htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.tasks.lists import batches
from webapp.tasks.log import output
from webapp.tasks.log.ansi import Screen
from webapp.tasks.models import Batch, Task

bp = Blueprint("task_peek", __name__, url_prefix="/tasks")

LINES = 200


class Tail(NamedTuple):
    stream: str
    lines: list[Markup]
    whole: bool


@bp.get("/<task_id>/preview")
@requires(Permission.TASKS_READ)
def preview(task_id: str) -> Response | str:
    task = get_or_404(Task, uuid=task_id, deleted_at=None)
    if not htmx.wanted():
        return redirect(f"/tasks/{task.uuid}")  # type: ignore[return-value]
    tails = [_tail(task, stream) for stream in ("stdout", "stderr")]
    return render_template("tasks/_preview.html", task=task, tails=[tail for tail in tails if tail.lines])


@bp.get("/<task_id>/menu")
@requires(Permission.TASKS_READ)
def menu(task_id: str) -> Response | str:
    task = get_or_404(Task, uuid=task_id, deleted_at=None)
    if not htmx.wanted():
        return redirect(f"/tasks/{task.uuid}")  # type: ignore[return-value]
    return render_template("tasks/_menu.html", task=task)


@bp.get("/batches/<batch_id>/menu")
@requires(Permission.TASKS_READ)
def batch_menu(batch_id: str) -> Response | str:
    batch = get_or_404(Batch, uuid=batch_id)
    if not htmx.wanted():
        return redirect(f"/tasks/batches/{batch.uuid}")  # type: ignore[return-value]
    return render_template("tasks/_batch_menu.html", batch=batch, line=batches.line(batch))


def _tail(task: Task, stream: str) -> Tail:
    folder = output.folder(current_app.extensions["settings"].data, task.uuid)
    last, screen = output.window(folder, stream, limit_lines=LINES), Screen()
    return Tail(stream, [screen.line(line.text) for line in last.lines], last.at_start)
