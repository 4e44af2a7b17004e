"""Files that tasks leave and people upload: to list, look at, take away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, request, send_file

from webapp import clock, htmx, navigation, polling
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.files import lifecycle, preview, queries, store
from webapp.files.forms import UploadForm
from webapp.files.models import File
from webapp.language import _
from webapp.plugins import queries as plugins
from webapp.tasks import queries as tasks

bp = Blueprint("files", __name__, url_prefix="/files")
bp.record(lambda setup: navigation.unfold_for(setup.app, queries.any_of))  # type: ignore[arg-type]

PER = 50
FLOOR = 0.05  # of the disk, which stays free
FILTERS = ("q", "type", "plugin", "task")
# What somebody uploaded is never shown by the browser as what it says that it is.
INERT = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store"}


@bp.get("/")
@requires(Permission.FILES_READ)
@polling.cached
def index() -> Response:
    return htmx.page("files/index.html", "files/_list.html", form=_form(), **_listing())


@bp.post("/")
@requires(Permission.FILES_WRITE)
def upload() -> Response:
    form = _form()
    if not form.validate():
        return htmx.page("files/index.html", "files/_upload.html", 422, form=form, **_listing())
    _check_room()
    organization_id = choose_organization(form.chosen_organization(), Permission.FILES_WRITE)
    sent = form.file.data
    file = lifecycle.add(
        _data(), sent.stream, organization_id=organization_id, name=sent.filename or "file", type=form.kind,
        by=principal.actor, now=clock.now(), limit=current_app.extensions["settings"].max_upload,
    )  # fmt: skip
    db.session.commit()
    return htmx.changed(
        None,
        f"/files/{file.uuid}",
        _("%(name)s is uploaded", name=file.name),
        refresh="files",
        href=f"/files/{file.uuid}",
    )


@bp.get("/<file_id>")
@requires(Permission.FILES_READ)
def show(file_id: str) -> Response:
    """The page of a file; opened in a list, what is in it."""
    file = _file(file_id)
    return htmx.page(
        "files/file.html", "files/_preview.html", file=file, preview=preview.of(_path(file)), offered=_offered(file)
    )


@bp.get("/<file_id>/download")
@requires(Permission.FILES_READ)
def download(file_id: str) -> Response:
    file = _file(file_id)
    path = _path(file)
    if not path.exists():
        raise Problem(404, _("The content of %(name)s is gone. Retention may have removed it", name=file.name))
    response = send_file(
        path, "application/octet-stream", as_attachment=True, download_name=file.name, etag=file.sha256,
        last_modified=file.created_at,
    )  # fmt: skip
    response.headers.update(INERT)
    return response


@bp.post("/<file_id>/delete")
@requires(Permission.FILES_WRITE)
def delete(file_id: str) -> Response:
    file = _file(file_id)
    lifecycle.delete(file, clock.now())
    db.session.commit()
    return htmx.moved("/files", _("%(name)s is deleted", name=file.name))


def _listing() -> dict[str, Any]:
    asked = {name: request.args.get(name, "").strip()[:200] for name in FILTERS}
    task = tasks.by_uuid(asked["task"].lower()) if asked["task"] else None
    task_id = task.id if task else -1 if asked["task"] else None
    wanted = queries.listed(asked["type"], asked["plugin"], task_id, asked["q"])
    files = queries.page(wanted, request.args.get("after", type=int), PER)
    kept = {name: value for name, value in asked.items() if value}
    older = files[PER - 1].id if len(files) > PER else None
    return {
        "files": files[:PER], "asked": asked, "filtered": bool(kept), "plugins": plugins.usable(), "types": queries.types(),
        "older": f"/files?{urlencode(kept | {'after': older})}" if older else "",
        "first": f"/files?{urlencode(kept)}" if kept else "/files", "orgs": {org.id: org for org in principal.orgs},
    }  # fmt: skip


def _form() -> UploadForm:
    return UploadForm().offer(principal, principal.org_ids_with(Permission.FILES_WRITE))


def _check_room() -> None:
    disk = shutil.disk_usage(_data())
    if disk.free < disk.total * FLOOR:
        raise Problem(
            507, _("The disk is nearly full, so nothing can be uploaded. Free some space"), title=_("No room")
        )


def _offered(file: File) -> list[Any]:
    return [plugin for plugin in plugins.usable() if plugin.manifest.offered_for(file.type)]


def _file(file_id: str) -> File:
    return get_or_404(File, uuid=file_id, deleted_at=None)


def _path(file: File) -> Path:
    return store.path_of(_data(), file.organization_id, file.uuid)


def _data() -> Path:
    path: Path = current_app.extensions["settings"].data
    return path
