"""At one date and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.zones import When
from webapp.language import _
from webapp.schedules.fields import Fields, Given, moment
from webapp.schedules.seed import Seed
from webapp.schedules.words import date_words

example: dict[str, Any] = {"kind": "once", "at": "2026-12-01T09:00"}


@dataclass(frozen=True)
class Once:
    when: When


def parse(fields: Fields, given: Given) -> Once | None:
    when = fields.need("at", partial(moment, tz=given.zone), _("Enter a date and time, like 2026-12-01T09:00"))
    if when is None:
        return None
    if given.now and when.at <= given.now:
        fields.wrong(
            "at", _("%(wall)s %(key)s has passed. Choose a later time", wall=date_words(when.wall), key=given.zone.key)
        )
    return Once(when)


def after(rule: Once, moment: datetime, tz: ZoneInfo, seed: Seed) -> When | None:
    return rule.when if rule.when.at > moment else None


def describe(rule: Once, zone: str) -> str:
    date_and_time = date_words(rule.when.wall).rpartition(" ")
    return _("Once on %(date)s at %(time)s %(zone)s", date=date_and_time[0], time=date_and_time[2], zone=zone)
