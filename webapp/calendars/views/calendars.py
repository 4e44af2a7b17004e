"""The list of calendars, and making one."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, redirect, render_template, request

from webapp import clock, htmx, polling
from webapp.access.guards import choose_organization, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.calendars import holidays, lifecycle, queries
from webapp.calendars.forms import HolidaysForm, NewCalendarForm
from webapp.db import db
from webapp.language import _
from webapp.schedules import queries as schedules

bp = Blueprint("calendars", __name__, url_prefix="/calendars")


@bp.get("/")
@requires(Permission.CALENDARS_READ)
@polling.cached
def index() -> Response:
    q = request.args.get("q", "").strip()
    found = queries.listed(q)
    return htmx.page(
        "calendars/index.html", "calendars/_list.html", calendars=found, q=q, spans=queries.spans(found),
        used=schedules.followers(calendar.id for calendar in found), names={org.id: org.name for org in principal.orgs},
    )  # fmt: skip


@bp.get("/new")
@requires(Permission.CALENDARS_WRITE)
def new() -> Response:
    form = NewCalendarForm(request.args if "country" in request.args else None)
    return _form(form)


@bp.get("/parts")
@requires(Permission.CALENDARS_WRITE)
def parts() -> Response:
    """The fields about a country, with the parts that this one has."""
    if not htmx.wanted():
        return redirect(f"/calendars/new?{request.query_string.decode()}")  # type: ignore[return-value]
    form = HolidaysForm(request.args).offer(clock.now().date())
    return htmx.page("calendars/_country.html", "calendars/_country.html", form=form)


@bp.post("/")
@requires(Permission.CALENDARS_WRITE)
def create() -> Response:
    organization_id = choose_organization(request.form.get("organization"), Permission.CALENDARS_WRITE)
    form, now = NewCalendarForm(), clock.now()
    form.offer(now.date())
    if "change" in request.form:  # without JavaScript: another country was chosen
        return _form(form)
    if not form.validate():
        return _form(form, 422)
    if queries.find(form.name.data, organization_id):
        form.name.errors = [_('There is a calendar "%(data)s" already. Choose another name', data=form.name.data)]
        return _form(form, 422)
    calendar = lifecycle.create(form.draft, principal.actor, now)
    if form.country.data:
        try:
            snapshot = holidays.snapshot(form.country.data, form.years, form.subdivision.data)
        except ValueError as wrong:
            db.session.rollback()
            form.country.errors = [str(wrong)]
            return _form(form, 422)
        lifecycle.add(calendar, snapshot.days, f"{snapshot.source} ({snapshot.version})", principal.actor, now)
    db.session.commit()
    return htmx.moved(f"/calendars/{calendar.id}", _("%(name)s was created", name=calendar.name))


def _form(form: NewCalendarForm, status: int = 200) -> Response:
    form.offer(clock.now().date())
    allowed = principal.org_ids_with(Permission.CALENDARS_WRITE)
    orgs = [org for org in principal.orgs if org.id in allowed]
    page = render_template("calendars/new.html", form=form, orgs=orgs)
    return current_app.make_response((page, status))
