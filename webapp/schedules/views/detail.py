"""The page of one schedule: what it did, what it missed, what it will do; and the verbs that ask something first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.calendars.zones import zone
from webapp.db import db
from webapp.errors import Problem
from webapp.language import N_, _, ngettext
from webapp.refusal import Refused
from webapp.schedules import coming, fields, history, lifecycle, queries, runs, starting
from webapp.schedules.forms import MISFIRE, OVERLAP
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.views.listing import PATH, changed, get_schedule, row_context

bp = Blueprint("schedule", __name__, url_prefix=PATH)

PER = 25
OPEN = {
    "queued": N_("Cancel those that wait, let those that run go on"),
    "all": N_("Cancel and stop them all"),
    "none": N_("Let them all go on"),
}


@bp.get("/<int:schedule_id>")
@requires(Permission.SCHEDULES_READ)
@polling.cached(every=60)
def show(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    return htmx.page("schedules/show.html", "schedules/_show.html", **_context(schedule))


@bp.get("/<int:schedule_id>/pause")
@requires(Permission.SCHEDULES_WRITE)
def ask_pause(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    return htmx.page("schedules/pause.html", "schedules/_pause.html", schedule=schedule, given={}, message="")


@bp.post("/<int:schedule_id>/pause")
@requires(Permission.SCHEDULES_WRITE)
def pause(schedule_id: int) -> Response:
    """At once from a row; with a reason and a time to go on from the dialog."""
    schedule = get_schedule(schedule_id)
    try:
        resume_at = _moment(schedule, request.form.get("resume_at", ""))
        lifecycle.pause(schedule, principal.actor, clock.now(), request.form.get("reason", "").strip(), resume_at)
    except (ValueError, Refused) as wrong:
        return htmx.page("schedules/pause.html", "schedules/_pause.html", 422, schedule=schedule, given=request.form,
                         message=str(wrong))  # fmt: skip
    db.session.commit()
    answer = changed(schedule, _("%(name)s is paused", name=schedule.name), undo=f"{PATH}/{schedule.id}/resume")
    return htmx.tell_more(answer, {"dialog:close": {}}) if htmx.wanted() else answer


@bp.get("/<int:schedule_id>/delete")
@requires(Permission.SCHEDULES_DELETE)
def ask_delete(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    facts: dict[str, Any] = {"schedule": schedule, "open": runs.open_tasks(schedule), "choices": OPEN}
    return htmx.page("schedules/delete.html", "schedules/_delete.html", **facts)


@bp.post("/<int:schedule_id>/delete")
@requires(Permission.SCHEDULES_DELETE)
def delete(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    choice = request.form.get("open", "queued")
    if choice not in OPEN:
        raise Problem(422, errors=[{"field": "open", "message": _("Choose what becomes of its open tasks")}])
    lifecycle.delete(schedule, principal.actor, clock.now(), choice)  # type: ignore[arg-type]
    db.session.commit()
    return htmx.moved(PATH, _("%(name)s was deleted", name=schedule.name))


@bp.post("/<int:schedule_id>/missed")
@requires(Permission.SCHEDULES_WRITE, Permission.TASKS_CREATE)
def run_missed(schedule_id: int) -> Response:
    """The chosen missed runs or all of them, each as a batch of its own, in the order in which they were due."""
    schedule, now = get_schedule(schedule_id), clock.now()
    chosen = history.missed(schedule) if request.form.get("which") == "all" else _chosen(schedule)
    if not chosen:
        raise Problem(422, errors=[{"field": "ids", "message": _("Choose at least one missed run")}])
    for slot in sorted(chosen, key=lambda slot: slot.at):
        lifecycle.run_missed(schedule, slot, principal.actor, now, starting.of_app())
    db.session.commit()
    return changed(schedule, ngettext("%(num)s missed run started", "%(num)s missed runs started", len(chosen)))


def _chosen(schedule: Schedule) -> list[Slot]:
    ids = [int(text) for text in request.form.getlist("ids") if text.isdecimal()]
    return [get_or_404(Slot, id=slot_id, schedule_id=schedule.id) for slot_id in ids[:100]]


def _context(schedule: Schedule) -> dict[str, Any]:
    now = clock.now()
    before = _before(request.args.get("before", ""))
    past = history.past(schedule, PER, before)
    shown, missed = past[:PER], history.missed(schedule)
    return row_context() | {
        "schedule": schedule, "ahead": coming.ahead(schedule, now), "past": shown, "missed": missed,
        "batches": queries.batches([*shown, *missed]), "strips": queries.strips([schedule]), "open": runs.open_tasks(schedule),
        "outcomes": queries.outcomes_of(slot.batch_id for slot in shown if slot.batch_id),
        "older": f"{PATH}/{schedule.id}?before={shown[-1].at.timestamp():.6f}" if len(past) > PER else "",
        "newest": f"{PATH}/{schedule.id}" if before else "",
        "here": f"{PATH}/{schedule.id}" + (f"?before={before.timestamp():.6f}" if before else ""),
        "agents": history.agents_of(shown), "misfire": MISFIRE, "overlap": OVERLAP,
    }  # fmt: skip


def _before(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), tz=clock.now().tzinfo) if text else None
    except (ValueError, OverflowError, OSError):
        return None


def _moment(schedule: Schedule, text: str) -> datetime | None:
    return fields.moment(text, zone(schedule.timezone)).at if text.strip() else None
