"""Files: what tasks leave, and what people and programs upload."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Response, current_app, request, send_file

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.files import lifecycle, queries, store
from webapp.files.models import File
from webapp.objects.values import FieldErrors
from webapp.rest import shapes
from webapp.rest.pages import PAGE, list_of, newest_first
from webapp.rest.reading import asked
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Moment, Shape, Text, Value, Whole
from webapp.tasks import queries as tasks
from webapp.tasks.models import Task

section = Section("files", "Files", "What tasks leave behind, and what is uploaded for plugins to work on.")

FILE = answered(
    "File",
    id=Text(format="uuid"),
    name=Text(),
    type=Text(about="What a plugin called it, such as nmap; may be empty."),
    size=Whole(about="Bytes."),
    sha256=Text(),
    task_id=Text(format="uuid", null=True),
    plugin_id=Text(null=True),
    organization=Text(),
    created_at=Moment(),
    created_by=Text(),
)
FILTERS: dict[str, Value] = {
    "type": Text(about="What plugins call such files."),
    "plugin": Text(about="Id of the plugin that left it."),
    "task": Text(about="The task that left it: its id, or the beginning."),
    "task_id": Text(about="The same."),
    "q": Text(about="A part of the name."),
}
UPLOAD = Shape(fields={
    "file": Text(required=True, format="binary"),
    "type": Text(about="What plugins call such files: those that consume `file:<type>` can be run on it."),
    "name": Text(about="Default: the file's own name."),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip


@section.get("/files/", needs=(P.FILES_READ,), query=FILTERS | PAGE, answer=list_of(FILE))
def index() -> Answer:
    """List files, newest first."""
    wanted = asked()
    said = wanted.get("task") or wanted.get("task_id")
    task = tasks.by_uuid(said.lower()) if said else None
    task_id = task.id if task else -1 if said else None
    rows = queries.listed(wanted.get("type", ""), wanted.get("plugin", ""), task_id, wanted.get("q", ""))
    return newest_first(rows, File.id, form)


@section.post("/files/", needs=(P.FILES_WRITE,), form=UPLOAD, answer=FILE, status=201)
def upload() -> Answer:
    """Upload a file.

    As a form: `curl -F file=@scan.xml -F type=nmap …`.
    """
    sent = request.files.get("file")
    if sent is None:
        raise FieldErrors([{"field": "file", "message": "Send a file, as multipart/form-data"}])
    organization_id = choose_organization(request.form.get("organization"), P.FILES_WRITE)
    settings = current_app.extensions["settings"]
    file = lifecycle.add(
        settings.data,
        sent.stream,  # type: ignore[arg-type]
        organization_id=organization_id,
        name=_plain("name") or sent.filename or "file",
        type=_plain("type"),
        by=principal.actor,
        now=clock.now(),
        limit=settings.max_upload,
    )
    db.session.flush()
    return Answer(form(file), headers={"Location": f"/api/v1/files/{file.uuid}/"})


@section.get("/files/<file_id>/", needs=(P.FILES_READ,), answer=FILE)
def show(file_id: str) -> Json:
    """Fetch what is known of a file."""
    return form(_file(file_id))


@section.get("/files/<file_id>/download", needs=(P.FILES_READ,), media="application/octet-stream")
def download(file_id: str) -> Response:
    """Download a file.

    `Range` is honoured; the ETag is its SHA-256.
    """
    file = _file(file_id)
    path = store.path_of(current_app.extensions["settings"].data, file.organization_id, file.uuid)
    if not path.exists():
        raise Problem(404, f"The content of {file.name} is gone. Retention may have removed it")
    return send_file(
        path,
        "application/octet-stream",
        as_attachment=True,
        download_name=file.name,
        etag=file.sha256,
        last_modified=file.created_at,
    )


@section.delete("/files/<file_id>/", needs=(P.FILES_WRITE,))
def delete(file_id: str) -> None:
    """Delete a file."""
    lifecycle.delete(_file(file_id), clock.now())


def form(file: File) -> Json:
    return {
        "id": file.uuid,
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "sha256": file.sha256,
        "task_id": _task_uuid(file.task_id),
        "plugin_id": file.plugin_id,
        "organization": shapes.organization(file.organization_id),
        "created_at": clock.iso(file.created_at),
        "created_by": file.created_by,
    }


def _file(file_id: str) -> File:
    return get_or_404(File, uuid=file_id.lower(), deleted_at=None)


def _task_uuid(task_id: int | None) -> str | None:
    return db.session.scalar(sa.select(Task.uuid).where(Task.id == task_id)) if task_id else None


def _plain(name: str) -> str:
    text = request.form.get(name, "")
    if "\0" in text or len(text) > 255:
        raise FieldErrors([{"field": name, "message": "Enter at most 255 characters without zero bytes"}])
    return text
