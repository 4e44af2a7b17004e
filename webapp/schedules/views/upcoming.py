"""What runs in the next day or week: a timeline, and the same as a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.language import N_, _
from webapp.schedules import coming, timeline
from webapp.schedules.timeline import STEPS
from webapp.schedules.views.listing import PATH, row_context

bp = Blueprint("schedules_upcoming", __name__, url_prefix=PATH)

SPANS = {24: "24 hours", 168: N_("7 days")}
MOST = 100  # schedules in the picture
LINES = 50


def spans(current: int = 0) -> list[dict[str, Any]]:
    """The ways to look ahead; 0 is the month."""
    ways = [
        (f"{PATH}/upcoming?hours={hours}", _("Next %(label)s", label=label), hours) for hours, label in SPANS.items()
    ]
    return [
        {"href": href, "label": label, "count": None, "current": hours == current}
        for href, label, hours in [*ways, (f"{PATH}/month", _("Month"), 0)]
    ]


@bp.get("/upcoming")
@requires(Permission.SCHEDULES_READ)
@polling.cached(every=60)
def upcoming() -> Response:
    hours = request.args.get("hours", 24, type=int)
    hours = hours if hours in SPANS else 24
    now, span = clock.now().replace(second=0, microsecond=0), timedelta(hours=hours)
    rows = coming.upcoming(now, span, MOST)
    facts = row_context() | {
        "lines": [timeline.line(row, now, span) for row in rows], "runs": timeline.in_order(rows, LINES), "hours": hours,
        "steps": STEPS[hours], "most": LINES, "now": now,
        "spans": spans(hours),
    }  # fmt: skip
    return htmx.page("schedules/upcoming.html", "schedules/_upcoming.html", **facts)
