"""On a day of the month (31 is the last one of every month), or on the nth of a weekday."""

from __future__ import annotations

from typing import Any

from webapp.language import _
from webapp.schedules.dates import Dates, MonthDay, month_day, nth_weekday
from webapp.schedules.fields import AT_LEAST_ONE, Fields, Given, times
from webapp.schedules.fixed import Fixed, after, describe

__all__ = ["after", "describe", "example", "parse"]

example: dict[str, Any] = {"kind": "monthly", "nth": ["last", "fri"], "at": ["02:00"]}


def parse(fields: Fields, given: Given) -> Fixed:
    if not fields.has("day") and not fields.has("nth"):
        fields.wrong("day", _("Choose a day of the month, or which weekday of the month"))
    dates = dates_of_month(fields) or MonthDay(1)
    return Fixed(dates, fields.need("at", times, AT_LEAST_ONE) or ())


def dates_of_month(fields: Fields) -> Dates | None:
    if fields.has("day") and fields.has("nth"):
        fields.wrong("nth", _("Choose a day of the month or a weekday of the month. Remove one of them"))
    by_number = fields.read("day", month_day, None)
    return fields.read("nth", nth_weekday, None) or by_number
