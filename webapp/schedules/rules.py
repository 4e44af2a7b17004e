"""Reading a rule as people and programs write it: every error at its field, nothing guessed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from webapp.calendars.days import DaysOff
from webapp.calendars.zones import UnknownZone, wall_time
from webapp.calendars.zones import zone as zone_named
from webapp.language import N_, _
from webapp.schedules.fields import Fields, Given, RuleError, duration, moment
from webapp.schedules.kinds import ALIASES, KINDS
from webapp.schedules.plan import Plan
from webapp.schedules.seed import Seed
from webapp.schedules.words import date_words, listed

OFFERED = ("once", "times", "interval", "weekly", "monthly", "random", "cron")
MAX_JITTER = 24 * 3600

__all__ = ["RuleError", "parse"]


def parse(
    rule: Any,
    timezone: str = "UTC",
    *,
    start: Any = None,
    end: Any = None,
    calendar: DaysOff | None = None,
    seed: Seed | None = None,
    now: datetime | None = None,
) -> Plan:
    """The plan of a rule, or RuleError with `errors` for the fields of the rule and of its schedule.

    `start` and `end` are aware datetimes or texts like those of `once`. `now` is given when somebody
    enters the rule, and refuses what has passed; a stored rule is read without it.
    """
    errors: list[dict[str, str]] = []
    zone = _zone(timezone, errors)
    first, last = _span(start, end, zone, now, errors)
    kind, fields = _fields(rule, errors)
    read, jitter = None, 0
    if fields:
        read = KINDS[kind].parse(fields, Given(zone, first, now))
        jitter = fields.read("jitter", _jitter, 0)
        fields.finish()
        errors += fields.errors
    if errors:
        raise RuleError(errors)
    return Plan(kind, read, zone, start=first, end=last, calendar=calendar, jitter=jitter, seed=seed or Seed())


def _zone(name: str, errors: list[dict[str, str]]) -> ZoneInfo:
    try:
        return zone_named(str(name or ""))
    except UnknownZone as wrong:
        errors.append({"field": "timezone", "message": str(wrong)})
        return zone_named("UTC")


def _fields(rule: Any, errors: list[dict[str, str]]) -> tuple[str, Fields | None]:
    if not isinstance(rule, Mapping):
        errors.append({"field": "rule", "message": _('Enter a rule, like {"kind": "times", "at": ["09:30"]}')})
        return "", None
    name = str(rule.get("kind") or "").strip().lower()
    kind = ALIASES.get(name, name)
    if kind in KINDS:
        return kind, Fields(rule, name)
    close = get_close_matches(name, [*KINDS, *ALIASES], n=1)
    offered = listed(OFFERED, N_("or"))
    hint = _("Did you mean %(name)s?", name=close[0]) if close else _("Choose %(offered)s", offered=offered)
    message = _('There is no rule of kind "%(name)s". %(hint)s', name=name, hint=hint)
    if not name:
        message = _("Choose when it runs: %(offered)s", offered=offered)
    errors.append({"field": "kind", "message": message})
    return "", None


def _span(
    start: Any, end: Any, zone: ZoneInfo, now: datetime | None, errors: list[dict[str, str]]
) -> tuple[datetime | None, datetime | None]:
    # A bare date as the end means all of that day.
    bare = isinstance(end, str) and len(end.strip()) == len("2026-12-31")
    first = _moment("start", start, zone, errors)
    last = _moment("end", f"{end.strip()}T23:59:59" if bare else end, zone, errors)
    if first and last and last <= first:
        words = date_words(wall_time(first, zone))
        errors.append({"field": "end", "message": _("The end of the window must be later than %(words)s", words=words)})
    elif last and now and last <= now:
        words = date_words(wall_time(last, zone))
        errors.append(
            {
                "field": "end",
                "message": _("%(words)s %(key)s has passed. Choose a later time", words=words, key=zone.key),
            }
        )
    return first, last


def _moment(name: str, value: Any, zone: ZoneInfo, errors: list[dict[str, str]]) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        return moment(value, zone).at
    except ValueError as wrong:
        errors.append({"field": name, "message": str(wrong)})
        return None


def _jitter(value: Any) -> int:
    length = duration(value)
    if length > MAX_JITTER:
        raise ValueError(_("The delay goes up to 24h. Choose a shorter one"))
    return length
