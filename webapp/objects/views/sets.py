"""Object sets: the list, one with a look at its members, and the form that counts them while somebody types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from flask import Blueprint, Response, current_app, render_template, request

from webapp import clock, htmx, polling
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.errors import Problem
from webapp.language import _
from webapp.objects import queries, sets, types
from webapp.objects.forms import SetForm
from webapp.objects.models import ObjectSet
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.schedules import queries as schedules

bp = Blueprint("object_sets", __name__, url_prefix="/object-sets")

SHOWN = 10
MOST = 200


@dataclass(frozen=True)
class Members:
    """How many there are now, the first of them, and why the query finds nothing when it cannot be used."""

    count: int
    first: list[str]
    problem: str


@bp.get("/")
@requires(Permission.OBJECTS_READ)
@polling.cached(every=60)
def index() -> Response:
    q, now = request.args.get("q", "").strip()[:120], clock.now()
    wanted = sets.listed(q).order_by(ObjectSet.name, ObjectSet.id)
    found = db.session.scalars(wanted.limit(MOST)).all()
    told = [(each, number, sets.problem(each)) for each, number in zip(found, sets.counts(found, now), strict=True)]
    return htmx.page(
        "objects/sets.html", "objects/_sets.html", sets=told, q=q, types=types.OBJECT_TYPES,
        names={org.id: org.name for org in principal.orgs},
    )  # fmt: skip


@bp.get("/new")
@requires(Permission.OBJECTS_WRITE)
def new() -> Response:
    return _form(SetForm(request.args), None)


@bp.post("/")
@requires(Permission.OBJECTS_WRITE)
def create() -> Response:
    choose_organization(request.form.get("organization"), Permission.OBJECTS_WRITE)
    form = SetForm()
    try:
        made = sets.create(form.given(), principal.actor, clock.now())
    except FieldErrors as wrong:
        form.told(wrong.errors)
        return _form(form, None, 422)
    db.session.commit()
    return htmx.moved(f"/object-sets/{made.id}", _("%(name)s was created", name=made.name))


@bp.post("/selection")
@requires(Permission.OBJECTS_WRITE, reading=True)
def of_selection() -> Response:
    """The form of a new set, with the ticked objects in it. Nothing is saved."""
    ids = [int(text) for text in request.form.getlist("ids") if text.isascii() and text.isdecimal() and len(text) < 19]
    found = queries.some(ids[: sets.MOST_PICKED], principal.org_ids_with(Permission.OBJECTS_WRITE))
    if not found:
        raise Problem(422, errors=[{"field": "ids", "message": _("Tick at least one object")}])
    if len({(each.organization_id, each.type) for each in found}) > 1:
        text = _("A set holds objects of one type and one organization. Filter the list by type, then tick those")
        raise Problem(422, errors=[{"field": "ids", "message": text}])
    form = SetForm(formdata=None)
    form.type.data, form.picked.data = found[0].type, "\n".join(each.key for each in found)
    return _form(form, None, home=found[0].organization_id)


@bp.post("/preview")
@requires(Permission.OBJECTS_READ, reading=True)
def preview() -> Response:
    """Who the query would find, errors included. Nothing is saved."""
    organization_id = choose_organization(request.form.get("organization"), Permission.OBJECTS_READ)
    given = SetForm().given()
    asked = ObjectSet(organization_id=organization_id, type=given["type"], query=given["query"], picked=given["picked"])
    return htmx.page("objects/set_preview.html", "objects/_members.html", members=_members(asked, clock.now()))


@bp.get("/<int:set_id>")
@requires(Permission.OBJECTS_READ)
@polling.cached(every=60)
def show(set_id: int) -> Response:
    found = _found(set_id)
    sees = principal.can(Permission.SCHEDULES_READ, found.organization_id)
    return htmx.page("objects/set.html", "objects/_set.html", set=found, kind=types.OBJECT_TYPES.get(found.type),
                     members=_members(found, clock.now()),
                     used_by=schedules.on_object_set(found.id) if sees else None)  # fmt: skip


@bp.get("/<int:set_id>/edit")
@requires(Permission.OBJECTS_WRITE)
def edit(set_id: int) -> Response:
    found, form = _found(set_id), SetForm()
    form.fill(found)
    return _form(form, found)


@bp.post("/<int:set_id>")
@requires(Permission.OBJECTS_WRITE)
def save(set_id: int) -> Response:
    found, form = _found(set_id), SetForm()
    try:
        sets.edit(found, form.given() | {"type": found.type}, principal.actor, clock.now(), form.version_seen)
    except FieldErrors as wrong:
        form.told(wrong.errors)
        return _form(form, found, 422)
    except Refused as refusal:
        form.version.data = str(found.version)
        form.form_errors.append(refusal.text)
        return _form(form, found, 409)
    db.session.commit()
    return htmx.moved(f"/object-sets/{found.id}", _("%(name)s was saved", name=found.name))


@bp.post("/<int:set_id>/delete")
@requires(Permission.OBJECTS_DELETE)
def delete(set_id: int) -> Response:
    found = _found(set_id)
    sets.delete(found, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/object-sets", _("%(name)s was deleted", name=found.name))


def _found(set_id: int) -> ObjectSet:
    return get_or_404(ObjectSet, id=set_id, deleted_at=None)


def _members(of: ObjectSet, now: datetime) -> Members:
    if of.type not in types.OBJECT_TYPES:
        return Members(0, [], _("Choose a type"))
    return Members(sets.count(of, now), list(islice(sets.keys(of, now), SHOWN)), sets.problem(of))


def _form(form: SetForm, of: ObjectSet | None, status: int = 200, home: int | None = None) -> Response:
    """`home`: the organisation that is chosen to begin with."""
    allowed = principal.org_ids_with(Permission.OBJECTS_WRITE)
    orgs = [org for org in principal.orgs if org.id in allowed]
    current = principal.current_org.id if principal.current_org else None
    home = of.organization_id if of else home or (current if current in allowed else min(allowed))
    given = form.given()
    asked = ObjectSet(organization_id=home, type=given["type"], query=given["query"], picked=given["picked"])
    page = render_template("objects/set_edit.html", form=form, set=of, orgs=[] if of else orgs, home=home,
                           members=_members(asked, clock.now()))  # fmt: skip
    return current_app.make_response((page, status))
