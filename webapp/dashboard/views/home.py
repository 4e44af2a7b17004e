"""The first page: what runs, what failed and why, what waits, what comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app

from webapp import clock, htmx, polling
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.dashboard import charts, checklist, failures, queries
from webapp.language import N_, _
from webapp.schedules import coming
from webapp.schedules import queries as schedules
from webapp.tasks.notes import mentions
from webapp.tasks.states import Status

bp = Blueprint("dashboard", __name__)

NEWCOMER = 5_000  # tasks; who has more needs no list of first steps, and it would have to be looked for among them
CALLS = 5  # unread notes at a time
S = Status
DAY = timedelta(days=1)
# Counts of now, each a link to its list; the ended ones of the last 24 hours come from the hourly sums.
NOW_TILES = (
    (N_("Queued"), (S.PENDING,), "pending", "neutral", "/tasks?status=pending"),
    (N_("Started"), (S.ASSIGNED, S.DOWNLOADING), "assigned", "info", "/tasks?status=started"),
    (N_("Running"), (S.EXECUTING, S.REPORTING), "executing", "active", "/tasks?status=running"),
)
ENDED_TILES = (
    (N_("Success"), (S.COMPLETED,), "completed", "success"),
    (N_("Failed"), (S.FAILED, S.EXPIRED), "failed", "danger"),
    (N_("Terminated"), (S.TERMINATED,), "terminated", "warning"),
)


@bp.get("/")
@requires(Permission.TASKS_READ)
@polling.cached(personal=True, every=60)
def index() -> Response:
    return htmx.page("dashboard/index.html", "dashboard/_live.html", **facts())


def facts() -> dict[str, Any]:
    now, orgs = clock.now(), principal.org_ids_with(Permission.TASKS_READ)
    schedules_too = principal.can(Permission.SCHEDULES_READ)
    counts = queries.now_counts(orgs)
    sums = queries.ended(orgs, now - timedelta(days=queries.DAYS))
    hours, days = queries.by_hour(sums, now), queries.by_day(sums, now)
    return {
        "tiles": tiles(counts, {status: _since(sums, status, now) for status in S}),
        "rates": [("24 h", queries.success_rate(hours)), (_("7 days"), queries.success_rate(days))],
        "charts": [charts.volume(hours, _("Tasks that ended in each of the last 24 hours"), "%H:%M"),
                   charts.volume(days, _("Tasks that ended on each of the last 7 days"), "%d %b")],
        "periods": hours,
        "running": queries.running(),
        "next": queries.due_next(coming.next_up(queries.SHOWN) if schedules_too else []),
        "missed": schedules.missed_since(now - DAY) if schedules_too else 0,
        "failures": failures.streaks(orgs, current_app.extensions["settings"].data),
        "calls": mentions.waiting_for(principal.id, CALLS),
        "capacity": queries.capacity(counts, now),
        **_first_steps(sum(counts.values())),
    }  # fmt: skip


def _first_steps(tasks: int) -> dict[str, Any]:
    """What to try, or for who may only look, how to read the page; until it was put away."""
    wanted, rights = principal.prefs["steps"] and tasks < NEWCOMER, _rights()
    tries = wanted and any(step.permission in rights for step in checklist.STEPS)
    return {
        "steps": checklist.steps(queries.done_by(principal.id), rights) if tries else [],
        "reading": wanted and not tries,
    }


def tiles(counts: dict[str, int], ended: dict[Status, int]) -> list[dict[str, Any]]:
    found = [
        {
            "label": label,
            "value": sum(counts.get(s, 0) for s in statuses),
            "shape": shape,
            "tone": tone,
            "href": href,
            "note": "now",
        }
        for label, statuses, shape, tone, href in NOW_TILES
    ]
    for label, statuses, shape, tone in ENDED_TILES:
        href = "/tasks?since=24h" + "".join(f"&status={status}" for status in statuses)
        value = sum(ended[status] for status in statuses)
        found.append({"label": label, "value": value, "shape": shape, "tone": tone, "href": href, "note": "in 24 h"})
    return found


def _since(sums: dict[tuple[Any, str], int], status: Status, now: Any) -> int:
    first = now - timedelta(hours=queries.HOURS)
    return sum(total for (hour, each), total in sums.items() if each == status and hour >= first)


def _rights() -> set[Permission]:
    return {permission for rights in principal.rights.values() for permission in rights}
