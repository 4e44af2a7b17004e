"""Files of a task as one archive, and running a plugin on a file."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, current_app, request

from webapp import clock, htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.files import archive, store
from webapp.files import queries as files
from webapp.files.models import File
from webapp.language import _
from webapp.tasks import launch
from webapp.tasks.lists import batches
from webapp.tasks.lists.filters import Filter
from webapp.tasks.models import Task
from webapp.tasks.spec import FILES, Spec, SpecError, Target
from webapp.tasks.states import Trigger

bp = Blueprint("task_files", __name__)

INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store"}


@bp.get("/tasks/<task_id>/files.zip")
@requires(Permission.TASKS_READ, Permission.FILES_READ)
def zipped(task_id: str) -> Response:
    task = get_or_404(Task, uuid=task_id, deleted_at=None)
    data: Path = current_app.extensions["settings"].data
    found = [(file, store.path_of(data, file.organization_id, file.uuid)) for file in files.of_task(task.id)]
    db.session.expunge_all()  # the rows are read while the answer is sent
    response = Response(archive.stream(found), 200, INERT, "application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=f"{task.uuid[:8]}-files.zip")
    return response


@bp.post("/files/<file_id>/run")
@requires(Permission.TASKS_CREATE, Permission.FILES_READ)
def run(file_id: str) -> Response:
    """A task for the chosen plugin, with this file as its input."""
    file = get_or_404(File, uuid=file_id, deleted_at=None)
    spec = Spec("plugin", {"plugin_id": request.form.get("plugin_id", "")}, Target(FILES, (file.uuid,)))
    try:
        batch = launch.launch(spec, Trigger.MANUAL, principal.actor, clock.now())
    except SpecError as error:
        raise Problem(422, errors=error.errors) from None
    db.session.commit()
    task = batches.children(batch, Filter(), 1)[0]
    there = f"/tasks/{task.uuid}"
    return htmx.changed(
        None, there, _("%(what)s runs on %(name)s", what=task.what, name=file.name), refresh="files", href=there
    )
