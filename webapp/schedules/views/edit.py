"""Making and changing schedules, and the preview of what a rule will do.

What runs is asked as for a new task; a spec that has no fields there is shown as programs send it.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import picker
from webapp.calendars import queries as calendars
from webapp.calendars.models import Calendar
from webapp.calendars.zones import names as zone_names
from webapp.db import db, writing_to
from webapp.language import _
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.schedules import draft, lifecycle, queries
from webapp.schedules.fields import RuleError
from webapp.schedules.forms import KINDS, ScheduleForm, WhenForm
from webapp.schedules.models import Schedule
from webapp.schedules.preview import Preview, preview_of
from webapp.schedules.rights import may_run
from webapp.schedules.views.listing import PATH, get_schedule
from webapp.tasks import asked, launch, new_form, refill
from webapp.tasks import spec as specs
from webapp.tasks.models import Batch, Task
from webapp.tasks.spec import Spec

bp = Blueprint("schedule_edit", __name__, url_prefix=PATH)


@bp.get("/new")
@requires(Permission.SCHEDULES_WRITE)
def new() -> Response:
    """Empty, or after something that is there: a schedule (`from`), a task (`task`), a batch (`batch`)."""
    form = _form(None)
    if request.args.get("when") in tuple(KINDS)[1:]:
        form.when.data = request.args["when"]
    what = request.args if "kind" in request.args else _begin_with(form)
    return _page(form, None, what)


@bp.post("/")
@requires(Permission.SCHEDULES_WRITE)
def create() -> Response:
    organization_id = choose_organization(request.form.get("organization"), Permission.SCHEDULES_WRITE)
    form, now = _form(None), clock.now()
    if form.asked_for_preview:
        return _page(form, None)
    try:
        wanted = draft.read(_given(form), now)
        may_run(wanted.aim.type, organization_id)
        schedule = lifecycle.create(wanted, principal.actor, now)
    except FieldErrors as wrong:
        return _again(form, None, wrong.errors)
    db.session.commit()
    return htmx.moved(f"{PATH}/{schedule.id}", _("%(name)s is scheduled", name=schedule.name))


@bp.get("/<int:schedule_id>/edit")
@requires(Permission.SCHEDULES_WRITE)
def edit(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    form = _form(schedule)
    if "kind" in request.args:
        return _page(form, schedule, request.args)
    form.fill(schedule)
    return _page(form, schedule, _what(form, specs.parse(schedule.spec), schedule) if schedule.spec else None)


@bp.post("/<int:schedule_id>")
@requires(Permission.SCHEDULES_WRITE)
def save(schedule_id: int) -> Response:
    schedule, now = get_schedule(schedule_id), clock.now()
    form = _form(schedule)
    if form.asked_for_preview:
        return _page(form, schedule)
    try:
        wanted = draft.read(_given(form), now, schedule, draft.aim_of(schedule))
        may_run(wanted.aim.type, schedule.organization_id)
        lifecycle.edit(schedule, wanted, form.version_seen, principal.actor, now)
    except FieldErrors as wrong:
        return _again(form, schedule, wrong.errors)
    except Refused as refusal:
        return _conflict(form, schedule, refusal)
    db.session.commit()
    return htmx.moved(f"{PATH}/{schedule.id}", _("%(name)s was saved", name=schedule.name))


@bp.post("/preview")
@requires(Permission.SCHEDULES_READ, reading=True)
def preview() -> Response:
    """The words and the next runs of what stands in the form, errors included."""
    form = WhenForm().offer(_calendars())
    return htmx.page("schedules/preview.html", "schedules/_preview.html", preview=preview_form(form))


def _form(schedule: Schedule | None) -> ScheduleForm:
    """When somebody chose another kind of task, what was typed comes in the address."""
    typed = request.form if request.method == "POST" else request.args if "kind" in request.args else None
    form = ScheduleForm(formdata=typed)
    form.offer(_calendars())
    if typed is None:
        form.timezone.data = schedule.timezone if schedule else begin_zone()
    return form


def _given(form: ScheduleForm) -> dict[str, Any]:
    typed = request.form
    if "kind" not in typed:
        return form.given()
    return form.given() | {"spec": asked.body(typed, typed["kind"], picker.chosen(typed))}


def begin_zone() -> str:
    """The reader's own, or what this organisation uses."""
    chosen = principal.prefs["tz"]
    return queries.usual_zone() if chosen == "browser" else str(chosen)


def _calendars() -> list[Calendar]:
    return list(calendars.listed())


def _begin_with(form: ScheduleForm) -> MultiDict[str, str] | None:
    args = request.args
    if number := args.get("from", type=int):
        source = get_schedule(number)
        form.fill(source)
        form.name.data, form.version.data, form.seed.data = f"{source.name} (copy)", "", draft.new_seed()
        return _what(form, specs.parse(source.spec or {}), source)
    if args.get("task"):
        task = get_or_404(Task, uuid=args["task"], deleted_at=None)
        form.name.data = task.what
        return _what(form, launch.respec(task), task)
    if args.get("batch"):
        batch = get_or_404(Batch, uuid=args["batch"])
        form.name.data = batch.what
        return _what(form, specs.parse(batch.spec), batch)
    return asked.first_values(args)


def _what(form: ScheduleForm, spec: Spec, of: Schedule | Task | Batch) -> MultiDict[str, str] | None:
    """The fields of what runs; None for what has none, and is then shown as it is."""
    form.spec.data = _text(spec.to_json())
    return refill.fields(spec, of.organization_id) if spec.type in new_form.kinds() else None


def _text(spec: dict[str, Any]) -> str:
    return json.dumps({name: part for name, part in spec.items() if part}, indent=2, ensure_ascii=False)


def _page(
    form: ScheduleForm, schedule: Schedule | None, what: MultiDict[str, str] | None = None, status: int = 200,
    theirs: Any = None, errors: list[dict[str, str]] | None = None,
) -> Response:  # fmt: skip
    """`what`: the fields of what runs, else those that were sent, if any were."""
    typed = request.form if what is None and "kind" in request.form else what
    facts = new_form.context(typed) if typed is not None else {}
    allowed = principal.org_ids_with(Permission.SCHEDULES_WRITE)
    orgs = [org for org in principal.orgs if org.id in allowed] if schedule is None else []
    return htmx.page("schedules/edit.html", "schedules/_edit.html", status, **facts | {
        "form": form, "schedule": schedule, "fields": typed is not None, "preview": preview_form(form), "theirs": theirs,
        "zones": zone_names(), "errors": errors or [], "said": None if typed else _said(form), "organizations": orgs,
        "asks": f"{PATH}/{schedule.id}/edit" if schedule else f"{PATH}/new"})  # fmt: skip


def _said(form: ScheduleForm) -> draft.Aim | None:
    """What the spec would run, in words; nothing for one that cannot be read."""
    try:
        with writing_to(_organization(form)):
            return draft.read_aim(form.given()["spec"], clock.now())
    except FieldErrors:
        return None


def _organization(form: ScheduleForm) -> int:
    """The chosen one, or the first in which this person makes schedules."""
    allowed = principal.org_ids_with(Permission.SCHEDULES_WRITE)
    chosen = request.form.get("organization")
    return next((org.id for org in principal.orgs if org.slug == chosen and org.id in allowed), min(allowed))


def _again(form: ScheduleForm, schedule: Schedule | None, errors: list[dict[str, str]]) -> Response:
    """What is wrong with the task goes to its own fields, when there are any."""
    mine = [each for each in errors if "kind" in request.form and each["field"].startswith("spec.")]
    form.told(each for each in errors if each not in mine)
    told = asked.told([{**each, "field": each["field"].removeprefix("spec.")} for each in mine])
    return _page(form, schedule, status=422, errors=told)


def _conflict(form: ScheduleForm, schedule: Schedule, refusal: Refused) -> Response:
    """What was typed stays; saving again is then meant."""
    theirs = {"name": schedule.name, "text": schedule.text, "by": schedule.updated_by, "at": schedule.updated_at}
    form.version.data = str(schedule.version)
    form.form_errors.append(refusal.text)
    return _page(form, schedule, status=409, theirs=theirs)


def preview_form(form: WhenForm) -> Preview:
    calendar = next((each for each in _calendars() if str(each.id) == form.calendar.data), None)
    try:
        return preview_of(form.given(), calendar, clock.now())
    except RuleError as wrong:
        return Preview(errors=[error["message"] for error in wrong.errors])
