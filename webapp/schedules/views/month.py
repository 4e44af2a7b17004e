"""The month of schedules: a grid of days with what ran and what will, and one of the days in full."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.calendars.days import FIRST_YEAR, LAST_YEAR
from webapp.calendars.zones import wall_time, zone
from webapp.schedules import month
from webapp.schedules.month import Span
from webapp.schedules.views.edit import begin_zone
from webapp.schedules.views.listing import PATH, choose, menus_of, query_of, row_context
from webapp.schedules.views.upcoming import spans

bp = Blueprint("schedules_month", __name__, url_prefix=PATH)

IN_A_DAY = 4  # lines; the others are one press away


@bp.get("/month")
@requires(Permission.SCHEDULES_READ)
@polling.cached(every=60)
def show() -> Response:
    now, tz, chosen = clock.now(), zone(begin_zone()), choose(request.args)
    today = wall_time(now, tz).date()
    span = month.span_of(_month(request.args.get("month", ""), today), tz)
    day = _day(request.args.get("day", ""), span)
    facts: dict[str, Any] = row_context() | {
        "picture": month.picture(chosen, span, now), "weeks": month.weeks_of(span), "span": span, "today": today, "day": day,
        "in_a_day": IN_A_DAY, "spans": spans(), "chosen": chosen, "menus": menus_of(chosen), "most": month.MOST, "most_runs": month.MOST_RUNS,
        "address": lambda first, day=None: _address(query_of(chosen), first, day),
        "before": span.before if span.before.year >= FIRST_YEAR else None,
        "after": span.after if span.after.year <= LAST_YEAR else None,
    }  # fmt: skip
    return htmx.page("schedules/month.html", "schedules/_month.html", **facts)


def _month(text: str, today: date) -> date:
    """What is no month is this one."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    year = int(found[1]) if found else 0
    return date(year, int(found[2]), 1) if found and FIRST_YEAR <= year <= LAST_YEAR else today.replace(day=1)


def _day(text: str, span: Span) -> date | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else 0
    return span.first.replace(day=number) if 0 < number < len(span.bounds) else None


def _address(chosen: list[tuple[str, str]], first: date, day: date | None) -> str:
    place = [("month", f"{first:%Y-%m}"), *([("day", str(day.day))] if day else [])]
    return f"{PATH}/month?{urlencode([*chosen, *place])}"
