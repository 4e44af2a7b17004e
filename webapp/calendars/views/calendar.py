"""One calendar: its year, its dates and where they came from, what it takes from which schedules."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request

from webapp import clock, htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.calendars import days, holidays, ics, lifecycle, queries
from webapp.calendars.days import Day, ListError, year_view
from webapp.calendars.forms import CalendarForm, DatesForm, HolidaysForm
from webapp.calendars.models import Calendar
from webapp.db import db
from webapp.errors import Problem
from webapp.language import _, ngettext
from webapp.refusal import Refused
from webapp.schedules import queries as schedules

bp = Blueprint("calendar", __name__, url_prefix="/calendars")

AHEAD = timedelta(days=92)  # in which skipped runs are listed
YEARS = 10  # that an imported file may reach ahead
MOST = 200  # schedules that are looked at for skipped runs


@bp.get("/<int:calendar_id>")
@requires(Permission.CALENDARS_READ)
def show(calendar_id: int) -> Response:
    return _page(get_calendar(calendar_id))


@bp.get("/<int:calendar_id>/edit")
@requires(Permission.CALENDARS_WRITE)
def edit(calendar_id: int) -> str:
    calendar = get_calendar(calendar_id)
    form = CalendarForm()
    form.fill(calendar)
    return render_template("calendars/edit.html", form=form, calendar=calendar)


@bp.post("/<int:calendar_id>")
@requires(Permission.CALENDARS_WRITE)
def save(calendar_id: int) -> Response:
    calendar, form = get_calendar(calendar_id), CalendarForm()
    other = queries.find(form.name.data or "", calendar.organization_id)
    valid = form.validate()
    if other and other is not calendar:
        form.name.errors, valid = [_("Another calendar has this name. Choose another one")], False
    if not valid:
        return _answer(render_template("calendars/edit.html", form=form, calendar=calendar), 422)
    try:
        lifecycle.edit(calendar, form.draft, form.version_seen, principal.actor, clock.now())
    except Refused as refusal:
        form.form_errors.append(refusal.text)
        form.version.data = str(calendar.version)
        return _answer(render_template("calendars/edit.html", form=form, calendar=calendar), 409)
    db.session.commit()
    return htmx.moved(f"/calendars/{calendar.id}", _("%(name)s was saved", name=calendar.name))


@bp.post("/<int:calendar_id>/dates")
@requires(Permission.CALENDARS_WRITE)
def add_dates(calendar_id: int) -> Response:
    """Typed dates, an iCalendar file, or both; what cannot be read is told by its line, and nothing is taken."""
    calendar, form = get_calendar(calendar_id), DatesForm()
    file = request.files.get("file")
    try:
        typed = days.read_list(form.dates.data or "")
    except ListError as wrong:
        for error in wrong.errors[:10]:
            form.wrong("dates", _("Line %(error)s: %(error2)s", error=error["line"], error2=error["message"]))
        return _page(calendar, 422, dates=form)
    try:
        read = _from_file(file.read()) if file and file.filename else []
    except ics.IcsError as wrong:
        form.wrong("file", str(wrong))
        return _page(calendar, 422, dates=form)
    if not typed and not read:
        form.wrong("dates", _("Enter a date, like 2026-12-25 Christmas, or choose a file"))
        return _page(calendar, 422, dates=form)
    now, new = clock.now(), 0
    if typed:
        new += lifecycle.add(calendar, typed, lifecycle.OWN, principal.actor, now)
    if read:
        new += lifecycle.add(calendar, read, file.filename or _("File"), principal.actor, now)  # type: ignore[union-attr]
    db.session.commit()
    return htmx.moved(f"/calendars/{calendar.id}", _added(new, len(typed) + len(read)))


@bp.post("/<int:calendar_id>/holidays")
@requires(Permission.CALENDARS_WRITE)
def add_holidays(calendar_id: int) -> Response:
    calendar, now = get_calendar(calendar_id), clock.now()
    form = HolidaysForm().offer(now.date())
    if "change" in request.form:
        return _page(calendar, country=form)
    try:
        if not form.country.data:
            raise ValueError(_("Choose a country"))
        snapshot = holidays.snapshot(form.country.data, form.years, form.subdivision.data)
    except ValueError as wrong:
        form.country.errors = [str(wrong)]
        return _page(calendar, 422, country=form)
    source = f"{snapshot.source} ({snapshot.version})"
    new = lifecycle.add(calendar, snapshot.days, source, principal.actor, now)
    db.session.commit()
    return htmx.moved(f"/calendars/{calendar.id}", _added(new, len(snapshot.days)))


@bp.post("/<int:calendar_id>/remove")
@requires(Permission.CALENDARS_WRITE)
def remove(calendar_id: int) -> Response:
    calendar = get_calendar(calendar_id)
    try:
        gone = [days.read_date(text) for text in request.form.getlist("date")]
    except ValueError as wrong:
        raise Problem(422, errors=[{"field": "date", "message": str(wrong)}]) from wrong
    if not gone:
        raise Problem(422, errors=[{"field": "date", "message": _("Choose at least one date")}])
    count = lifecycle.remove(calendar, gone, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved(f"/calendars/{calendar.id}", ngettext("%(num)s date removed", "%(num)s dates removed", count))


@bp.post("/<int:calendar_id>/delete")
@requires(Permission.CALENDARS_WRITE)
def delete(calendar_id: int) -> Response:
    calendar = get_calendar(calendar_id)
    lifecycle.delete(calendar, [each.name for each in schedules.following(calendar.id)], principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/calendars", _("%(name)s was deleted", name=calendar.name))


def get_calendar(calendar_id: int) -> Calendar:
    return get_or_404(Calendar, id=calendar_id, deleted_at=None)


def _page(calendar: Calendar, status: int = 200, **forms: Any) -> Response:
    now = clock.now()
    off, rows = queries.days_off(calendar), queries.days(calendar)
    year = request.args.get("year", now.year, type=int)
    year = min(max(year, days.FIRST_YEAR), days.LAST_YEAR)
    sees = principal.can(Permission.SCHEDULES_READ, calendar.organization_id)
    following = schedules.following(calendar.id, MOST) if sees else ()
    context = {
        "calendar": calendar, "year": year, "months": year_view(year, off), "today": now.date(),
        "days": [row for row in rows if row.date.year == year], "total": len(rows),
        "years": sorted({row.date.year for row in rows} | {now.year}), "sources": sorted({row.source for row in rows}),
        "sees": sees, "following": following, "skips": schedules.taken_by_calendar(following, off, now, AHEAD), "most": MOST,
        "used": schedules.followers([calendar.id]).get(calendar.id, 0),
        "country": HolidaysForm().offer(now.date()), "dates": DatesForm(formdata=None),
    } | forms  # fmt: skip
    return _answer(render_template("calendars/show.html", **context), status)


def _answer(page: str, status: int) -> Response:
    return htmx.vary(current_app.make_response((page, status)))


def _from_file(content: bytes) -> list[Day]:
    today = clock.now().date()
    return ics.read(content, date(today.year - 1, 1, 1), date(today.year + YEARS, 12, 31))


def _added(new: int, all_of_them: int) -> str:
    added = ngettext("%(num)s date added", "%(num)s dates added", new)
    if all_of_them == new:
        return added
    return _("%(added)s, %(all_of_them)s were there already", added=added, all_of_them=all_of_them - new)
