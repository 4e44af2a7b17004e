"""Times of day, every day or on some weekdays. `daily` is another name for it."""

from __future__ import annotations

from typing import Any

from webapp.schedules.dates import Weekdays, weekdays
from webapp.schedules.fields import AT_LEAST_ONE, Fields, Given, times
from webapp.schedules.fixed import Fixed, after, describe

__all__ = ["after", "describe", "example", "parse"]

example: dict[str, Any] = {"kind": "times", "at": ["09:30", "17:00"], "days": ["mon", "tue", "wed", "thu", "fri"]}


def parse(fields: Fields, given: Given) -> Fixed:
    days = fields.read("days", weekdays, Weekdays())
    return Fixed(days, fields.need("at", times, AT_LEAST_ONE) or ())
