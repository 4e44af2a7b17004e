"""How a person wants the list: its columns, and filters under a name."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx, pages
from webapp.access import lifecycle
from webapp.access.guards import choose_organization, get_or_404, may, missing, requires
from webapp.access.models import User
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.language import _
from webapp.security import here
from webapp.tasks.lists import columns, saved
from webapp.tasks.lists.address import Address
from webapp.tasks.lists.models import SavedView

bp = Blueprint("my_tasks", __name__, url_prefix="/tasks")
bp.record(lambda setup: pages.add_pins(setup.app, saved.pinned))  # type: ignore[arg-type]

LONGEST = 60


@bp.post("/columns")
@requires(person=True)
def choose_columns() -> Response:
    chosen = [name for name in request.form.getlist("column") if name in columns.COLUMNS]
    kept = dict(principal.prefs["columns"]) | {"tasks": chosen}
    lifecycle.prefer(db.session.get_one(User, principal.id), {"columns": kept})
    db.session.commit()
    return htmx.changed(None, here(), _("Columns saved"), refresh="tasks")


@bp.get("/views/new")
@requires(Permission.TASKS_READ, person=True)
def new_view() -> str:
    return _form(Address.of(request.args))


@bp.post("/views")
@requires(person=True)
def save_view() -> Response | tuple[str, int]:
    address = Address.of(MultiDict(request.form))
    name = " ".join(request.form.get("name", "").split())
    shared, pinned = "shared" in request.form, "pinned" in request.form
    if not 1 <= len(name) <= LONGEST or len(address.view) > 2000:
        return _form(
            address, name, shared, pinned, _("Enter a name of at most %(longest)s letters", longest=LONGEST)
        ), 422
    organization_id = _where(shared)
    saved.save(name, address.view, shared, organization_id, principal.id or 0, principal.actor, clock.now(), pinned)
    db.session.commit()
    return htmx.moved(address.url(), _("%(name)s is saved", name=name))


@bp.post("/views/default")
@requires(person=True)
def open_with() -> Response:
    """What the menu's Tasks leads to, for this person."""
    address = Address.of(MultiDict(parse_qsl(request.form.get("query", "")[:2000])))
    lifecycle.prefer(db.session.get_one(User, principal.id), {"tasks": address.view})
    db.session.commit()
    return htmx.moved(address.url(), _("Tasks opens with this from now on"))


@bp.post("/views/<int:view_id>/pin")
@requires(person=True)
def pin_view(view_id: int) -> Response:
    view, pinned = _own(view_id), request.form.get("pinned") == "on"
    saved.pin(view, pinned)
    db.session.commit()
    return htmx.moved(
        here(),
        _("%(name)s stands in the menu", name=view.name) if pinned else _("%(name)s left the menu", name=view.name),
    )


@bp.post("/views/<int:view_id>/delete")
@requires(person=True)
def delete_view(view_id: int) -> Response:
    saved.delete(_own(view_id))
    db.session.commit()
    return htmx.moved("/tasks", _("The view was deleted"))


def _own(view_id: int) -> SavedView:
    view = get_or_404(SavedView, id=view_id)
    if view.user_id != principal.id:
        raise missing(SavedView, {"id": view_id})
    return view


def _where(shared: bool) -> int:
    """Of the organisation that is shown; without a choice, of the first one that may see tasks."""
    if shared:
        return choose_organization(None, Permission.TASKS_CREATE)
    first = next((org for org in principal.seen if principal.can(Permission.TASKS_READ, org.id)), None)
    if first is None:
        raise Problem(403, _("You cannot see tasks. Your role does not include it"))
    may(Permission.TASKS_READ, org_id=first.id)
    return choose_organization(first.slug, Permission.TASKS_READ)


def _form(address: Address, name: str = "", shared: bool = False, pinned: bool = False, error: str = "") -> str:
    template = "tasks/_view_new.html" if htmx.wanted() else "tasks/view_new.html"
    return render_template(template, address=address, name=name, shared=shared, in_menu=pinned, error=error)
