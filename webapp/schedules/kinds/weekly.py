"""On chosen weekdays, at one or more times."""

from __future__ import annotations

from typing import Any

from webapp.language import _
from webapp.schedules.dates import Weekdays, weekdays
from webapp.schedules.fields import AT_LEAST_ONE, Fields, Given, times
from webapp.schedules.fixed import Fixed, after, describe

__all__ = ["after", "describe", "example", "parse"]

example: dict[str, Any] = {"kind": "weekly", "days": ["mon"], "at": ["09:30"]}


def parse(fields: Fields, given: Given) -> Fixed:
    days = fields.need("days", weekdays, _("Choose at least one day, like mon")) or Weekdays()
    return Fixed(days, fields.need("at", times, AT_LEAST_ONE) or ())
