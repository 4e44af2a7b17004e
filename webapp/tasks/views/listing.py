"""The list of tasks: batches or single tasks, newest first, by the filters of the address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request

from webapp import clock, htmx, polling
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.schedules import queries as schedules
from webapp.tasks import queries
from webapp.tasks.lists import batches, columns, filters, menus, saved, singles
from webapp.tasks.lists.address import Address
from webapp.tasks.lists.filters import Filter, FilterError
from webapp.tasks.lists.lines import Page
from webapp.tasks.models import Batch

bp = Blueprint("tasks", __name__, url_prefix="/tasks")

COUNTED = 1_000  # matches; beyond, only an act on all of them counts on
FRESH = timedelta(days=1)  # failures that the window's title tells of


@bp.get("/")
@requires(Permission.TASKS_READ)
def index() -> Response:
    # What a poll asks for is shared by all who have the same rights; beside the filters stand one's own views.
    address = Address.of(request.args)
    every = 60 if address.by_the_clock else 0
    personal = address.personal or (htmx.wanted() and not address.polled)
    return polling.cached(personal=personal, every=every)(_index)(address)


@bp.get("/batches/<batch_id>")
@requires(Permission.TASKS_READ)
def batch(batch_id: str) -> Response:
    """The tasks of one act; opened in the list, its first ones, those that failed before the others."""
    address = Address.of(request.args)
    return polling.cached(personal=address.personal)(_batch)(batch_id, address)


def _batch(batch_id: str, address: Address) -> Response:
    found = get_or_404(Batch, uuid=batch_id)
    chosen = filters.parse(request.args, clock.now(), principal.person)
    opened = "in" in request.args
    rows = batches.children(found, chosen, address.per + 1, address.after, worst_first=opened)
    return htmx.page("tasks/batch.html", "tasks/_children.html", batch=found, tasks=rows[: address.per], address=address,
                     more=len(rows) > address.per, opened=opened, line=batches.line(found), **_frame())  # fmt: skip


@bp.get("/choices")
@requires(Permission.TASKS_READ)
def choices() -> Response | str:
    """What a filter offers, when somebody opens its menu."""
    address, name = Address.of(request.args), request.args.get("of", "")
    if not htmx.wanted() or name not in ("more", *menus.TYPED):
        return redirect(address.url())  # type: ignore[return-value]
    if name == "more":
        offered = _schedules(address) | dict(schedules.choices(menus.MOST))
        return render_template("tasks/_more.html", menus=menus.rest(address, offered, full=True))
    return render_template("tasks/_choices.html", menu=menus.filled(name, address))


def _index(address: Address) -> Response:
    try:
        chosen = filters.parse(request.args, clock.now(), principal.person)
    except FilterError as error:
        return _refused(address, error)
    listing = _listing(address, chosen)
    response = htmx.page(
        "tasks/index.html", "tasks/polled.html" if address.polled else "tasks/filtered.html", **listing
    )
    if not htmx.wanted():
        return response
    if not address.polled:
        response.headers["HX-Push-Url"] = address.here()
    return htmx.tell(response, {"counts": {"failed": listing["failed"], "running": listing["running"]}})


def _listing(address: Address, chosen: Filter) -> dict[str, Any]:
    upto = address.seen or None
    page, new = _page(address, chosen, upto), _new(address, chosen, upto)
    kept = queries.counts(principal.org_ids_with(Permission.TASKS_READ))
    whole = not (address.after or address.before or new or page.newer or page.older)
    total, capped = queries.total(chosen, kept, COUNTED, page.batches if whole else None)
    seen = upto or (0 if address.after or address.before else page.newest)
    return _around(address, page, kept) | {
        "total": total, "capped": capped, "seen": seen,
        "new": new, "failed": page.failed_since(clock.now() - FRESH),
    }  # fmt: skip


def _page(address: Address, chosen: Filter, upto: int | None) -> Page:
    place = (address.per, address.after, address.before, upto)
    return batches.page(chosen, *place) if address.in_batches else singles.page(chosen, address.group_by, *place)


def _new(address: Address, chosen: Filter, upto: int | None) -> int:
    if not upto:
        return 0
    return (batches if address.in_batches else singles).newer_than(chosen, upto, 99)


def _around(address: Address, page: Page, kept: dict[str, int], message: str = "") -> dict[str, Any]:
    views, chosen = [] if address.polled else saved.visible(principal), _schedules(address)
    return _frame() | {
        "address": address, "page": page, "message": message, "everything": sum(kept.values()),
        "running": sum(kept.get(status, 0) for status in filters.states.STARTED),
        "pills": menus.pills(address, principal, kept), "chips": menus.chips(address, chosen),
        "menus": menus.bar(address, principal, chosen),
        "views": views, "pinned": lambda: saved.pinned_among(views, principal),
        "sharing": sum(name in menus.SHARING for name, _ in address.filters),
    }  # fmt: skip


def _schedules(address: Address) -> dict[str, str]:
    """The names of those that are chosen, by their numbers."""
    numbers = [int(value) for value in address.values("schedule") if value.isdecimal() and len(value) < 10]
    return {str(number): name for number, name in schedules.names(numbers).items()} if numbers else {}


def _frame() -> dict[str, Any]:
    return {
        "columns": columns.shown(principal), "all_columns": columns.COLUMNS,
        "orgs": {org.id: org for org in principal.orgs},
    }  # fmt: skip


def _refused(address: Address, error: FilterError) -> Response:
    """The list stays as it is, and the search box says what it did not understand."""
    if htmx.wanted():
        response = current_app.make_response((error.text, 422))
        response.headers.update({"HX-Retarget": "#q-msg", "HX-Reswap": "innerHTML", "Content-Type": "text/plain"})
        return htmx.vary(response)
    kept = queries.counts(principal.org_ids_with(Permission.TASKS_READ))
    nothing = _around(address, Page(), kept, error.text) | {
        "total": 0,
        "capped": False,
        "seen": 0,
        "new": 0,
        "failed": 0,
    }
    return htmx.page("tasks/index.html", "tasks/index.html", 422, **nothing)
