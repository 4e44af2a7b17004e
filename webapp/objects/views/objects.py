"""Objects: what there is of each type, what is known of one, and which tasks saw it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from webapp import clock, events, htmx, navigation, polling
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _
from webapp.objects import queries, types
from webapp.objects.models import Object
from webapp.plugins import queries as plugins
from webapp.tasks import queries as tasks

bp = Blueprint("objects", __name__, url_prefix="/objects")
bp.record(lambda setup: navigation.unfold_for(setup.app, queries.any_of))  # type: ignore[arg-type]

PER = 50
LATEST = 20
MOST = 2**63 - 1  # a number beyond it fits no column


@bp.get("/")
@requires(Permission.OBJECTS_READ)
@polling.cached
def index() -> Response:
    q, kind = request.args.get("q", "").strip()[:200], request.args.get("type", "")
    after = request.args.get("after", type=int)
    found, older = queries.page(kind, q, PER, min(after, MOST) if after else None)
    return htmx.page(
        "objects/index.html", "objects/_list.html", objects=found, older=older, after=after, q=q, type=kind,
        types=types.OBJECT_TYPES, counts=queries.counts(), orgs={org.id: org.name for org in principal.seen},
    )  # fmt: skip


@bp.get("/<int:object_id>")
@requires(Permission.OBJECTS_READ)
@polling.cached
def show(object_id: int) -> Response:
    row = get_or_404(Object, id=object_id, deleted_at=None)
    seen_by = tasks.that_saw(row.id, LATEST) if principal.can(Permission.TASKS_READ, row.organization_id) else None
    return htmx.page(
        "objects/show.html", "objects/_show.html", object=row, kind=types.OBJECT_TYPES.get(row.type), facts=_facts(row),
        tasks=seen_by, offered=_offered(row), orgs={org.id: org.name for org in principal.orgs},
    )  # fmt: skip


@bp.post("/<int:object_id>/delete")
@requires(Permission.OBJECTS_DELETE)
def delete(object_id: int) -> Response:
    row = get_or_404(Object, id=object_id, deleted_at=None)
    row.deleted_at = clock.now()
    events.touch(row.organization_id)
    db.session.commit()
    return htmx.moved(
        f"/objects?type={row.type}", _("%(key)s was deleted. It comes back when a task sees it again", key=row.key)
    )


def _facts(row: Object) -> list[tuple[str, Any, int | None]]:
    """Label, value, and the id of the object that it names, if there is one."""
    kind = types.OBJECT_TYPES.get(row.type)
    if kind is None:
        return [(name, value, None) for name, value in row.data.items()]
    refers = types.referring(row.type, row.data)
    ids = queries.named(row.organization_id, refers.values())
    return [
        (field.name.replace("_", " ").capitalize(), row.data[field.name], ids.get(refers.get(field.name, ("", ""))))
        for field in kind.fields if row.data.get(field.name) not in (None, "", [])
    ]  # fmt: skip


def _offered(row: Object) -> list[tuple[str, str]]:
    """Plugins that a person may run on it: id and name."""
    if not principal.can(Permission.TASKS_CREATE, row.organization_id):
        return []
    return [(each.id, each.manifest.name) for each in plugins.usable() if row.type in each.manifest.consumes]
