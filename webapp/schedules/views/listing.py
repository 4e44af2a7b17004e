"""The list of schedules, the short one under the tasks, and what can be done with one from its row."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx, polling
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.calendars import queries as calendars
from webapp.db import db
from webapp.language import _
from webapp.plugins import catalogue
from webapp.schedules import coming, lifecycle, plans, queries, starting
from webapp.schedules.models import Schedule
from webapp.schedules.queries import COUNT_CAP, Chosen
from webapp.schedules.states import LOOKS, Status
from webapp.security import here
from webapp.tasks import kinds

bp = Blueprint("schedules", __name__, url_prefix="/tasks/schedules")
bp.add_app_template_filter(plans.told, "told")

PATH = "/tasks/schedules"
SIZES = (25, 50, 100)
LISTS = ("status", "type", "calendar", "owner", "plugin")  # filters that take several values
SECTION = 5  # schedules under the list of tasks


@bp.get("/")
@requires(Permission.SCHEDULES_READ)
@polling.cached
def index() -> Response:
    return htmx.page("schedules/index.html", "schedules/_list.html", **_context(request.args))


@bp.get("/section")
@requires(Permission.SCHEDULES_READ)
@polling.cached
def section() -> Response:
    """What comes next, for other pages."""
    found = coming.next_up(SECTION)
    counts = queries.counts()
    return htmx.page("schedules/index.html", "schedules/_section.html", **_context(request.args) | {
        "next_up": found, "strips": queries.strips(found), "total": sum(counts.values()), "counts": counts})  # fmt: skip


@bp.post("/<int:schedule_id>/resume")
@requires(Permission.SCHEDULES_WRITE)
def resume(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    lifecycle.resume(schedule, principal.actor, clock.now())
    db.session.commit()
    return changed(schedule, _("%(name)s is active again", name=schedule.name), undo=f"{PATH}/{schedule.id}/pause")


@bp.post("/<int:schedule_id>/run")
@requires(Permission.SCHEDULES_WRITE, Permission.TASKS_CREATE)
def run(schedule_id: int) -> Response:
    schedule = get_schedule(schedule_id)
    batch = lifecycle.run_now(schedule, principal.actor, clock.now(), starting.of_app())
    db.session.commit()
    return changed(schedule, _("%(name)s was started", name=schedule.name), href=f"/tasks/batches/{batch.uuid}")


def get_schedule(schedule_id: int) -> Schedule:
    return get_or_404(Schedule, id=schedule_id, deleted_at=None)


def changed(schedule: Schedule, text: str, undo: str = "", href: str = "") -> Response:
    """The fresh row for a list; elsewhere the page asks for itself anew."""
    row = "schedules/_row.html" if request.headers.get("HX-Target", "").startswith("tr") else None
    context = row_context() | {"schedule": schedule, "strips": queries.strips([schedule])} if row else {}
    return htmx.changed(
        row,
        here(),
        text,
        refresh="" if row else "schedules",
        undo={"url": undo} if undo else None,
        href=href,
        **context,
    )


def row_context() -> dict[str, Any]:
    return {"names": {org.id: org.name for org in principal.orgs}, "kinds": kinds.KINDS}


def _context(args: MultiDict[str, str]) -> dict[str, Any]:
    chosen = choose(args)
    per = args.get("per", SIZES[0], type=int)
    per = per if per in SIZES else SIZES[0]
    page = queries.page(chosen, per, args.get("after", type=int), args.get("before", type=int))
    total, counts = queries.count(chosen), queries.counts()
    first, last = (page.schedules[0].id, page.schedules[-1].id) if page.schedules else (0, 0)
    return row_context() | {
        "chosen": chosen, "page": page, "strips": page.strips,
        "total": total, "counted": f"{COUNT_CAP:,}+" if total > COUNT_CAP else str(total),
        "here": _url(chosen, per, {name: value for name in ("after", "before") if (value := args.get(name))}),
        "newer": _url(chosen, per, {"before": first}) if page.less else "",
        "older": _url(chosen, per, {"after": last}) if page.more else "",
        "sizes": [(size, _url(chosen, size), size == per) for size in SIZES], "pills": _pills(chosen, counts),
        "menus": menus_of(chosen), "everything": sum(counts.values()),
    }  # fmt: skip


def choose(args: MultiDict[str, str]) -> Chosen:
    def listed(name: str) -> tuple[str, ...]:
        return tuple(sorted({value for value in args.getlist(name) if value}))

    since = lately() if args.get("missed") else None
    lists = {name: listed(name) for name in LISTS}
    return Chosen(q=args.get("q", "").strip(), missed_since=since, **lists)


def lately() -> datetime:
    """A day ago, by the minute, so that a list does not change with each second."""
    return clock.now().replace(second=0, microsecond=0) - queries.LATELY


def _url(chosen: Chosen, per: int = SIZES[0], place: dict[str, Any] | None = None) -> str:
    pairs = query_of(chosen)
    pairs += [("per", str(per))] if per != SIZES[0] else []
    query = urlencode([*pairs, *((place or {}).items())])
    return f"{PATH}?{query}" if query else PATH


def query_of(chosen: Chosen) -> list[tuple[str, str]]:
    pairs = [("q", chosen.q)] if chosen.q else []
    pairs += [(name, value) for name in sorted(LISTS) for value in getattr(chosen, name)]
    return [*pairs, ("missed", "1")] if chosen.missed_since else pairs


def _pills(chosen: Chosen, counts: dict[str, int]) -> list[dict[str, Any]]:
    views = [(_("All"), Chosen(), sum(counts.values()))]
    views += [(LOOKS[status].label, Chosen(status=(status,)), counts[status]) for status in Status]
    views.append((_("Missed runs"), missed := Chosen(missed_since=lately()), queries.count(missed)))
    return [
        {"label": label, "href": _url(view), "count": min(count, COUNT_CAP), "current": chosen == view}
        for label, view, count in views
        if count or view.empty or chosen == view
    ]


def menus_of(chosen: Chosen) -> list[tuple[str, str, list[tuple[str, str]], tuple[str, ...]]]:
    labels = {name: kind.LABEL for name, kind in kinds.KINDS.items()}
    typed = [(name, labels.get(name, name.capitalize())) for name in queries.types()]
    kept = [(str(calendar.id), calendar.name) for calendar in calendars.listed()]
    made_by = [(name, name) for name in queries.owners()]
    run = [(name, plugin.manifest.name if (plugin := catalogue.find(name)) else name) for name in queries.plugins()]
    menus = [("type", _("Type"), typed, chosen.type), ("plugin", _("Plugin"), run, chosen.plugin),
             ("calendar", _("Calendar"), kept, chosen.calendar), ("owner", _("Owner"), made_by, chosen.owner)]  # fmt: skip
    return [menu for menu in menus if len(menu[2]) > 1 or menu[3]]
