"""The verbs on calendars. Each change of what is closed is a new version, and schedules that follow it are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from webapp import events
from webapp.access import audit
from webapp.bulk import upsert
from webapp.calendars.days import MAX_DATES, Day, by_date
from webapp.calendars.models import Calendar, CalendarDay
from webapp.db import db, writing
from webapp.events import Actor
from webapp.language import _, ngettext
from webapp.refusal import Refused

OWN = "Own date"


@dataclass(frozen=True)
class Draft:
    name: str
    policy: str
    weekend: Sequence[int]

    def facts(self) -> dict[str, Any]:
        return {"name": self.name, "policy": self.policy, "weekend": sorted(set(self.weekend))}


def create(draft: Draft, by: Actor, now: datetime) -> Calendar:
    calendar = Calendar(organization_id=writing(), created_at=now, created_by=by.name, updated_at=now, **draft.facts())
    db.session.add(calendar)
    db.session.flush()
    _record("create", calendar, by, now, after=draft.facts())
    return calendar


def edit(calendar: Calendar, draft: Draft, version: int, by: Actor, now: datetime) -> None:
    _lock(calendar)
    if calendar.version != version:
        raise Refused("stale", _("Somebody changed this calendar meanwhile. Review the changes, then save again"))
    before = {name: getattr(calendar, name) for name in draft.facts()}
    for name, value in draft.facts().items():
        setattr(calendar, name, value)
    _changed(calendar, now)
    _record("edit", calendar, by, now, before, draft.facts())


def add(calendar: Calendar, days: Sequence[Day], source: str, by: Actor, now: datetime) -> int:
    """How many of the dates are new; one that is there takes over the name."""
    _lock(calendar)
    names = by_date(days)
    count = sa.select(sa.func.count()).select_from(CalendarDay).where(CalendarDay.calendar_id == calendar.id)
    before = db.session.scalar(count) or 0
    if before + len(names) > MAX_DATES:
        raise Refused("full", _("A calendar has at most %(max_dates)s dates", max_dates=f"{MAX_DATES:,}"))
    rows = [
        {"organization_id": calendar.organization_id, "calendar_id": calendar.id, "date": day, "name": name[:200],
         "source": source[:120]} for day, name in names.items()
    ]  # fmt: skip
    upsert(CalendarDay, rows, ["calendar_id", "date"], ["name", "source"])
    _changed(calendar, now)
    after = {
        "source": source,
        "dates": len(rows),
        "first": _iso(min(names, default=None)),
        "last": _iso(max(names, default=None)),
    }
    _record("add", calendar, by, now, after=after)
    return (db.session.scalar(count) or 0) - before


def remove(calendar: Calendar, dates: Sequence[date], by: Actor, now: datetime) -> int:
    _lock(calendar)
    gone = db.session.execute(
        sa.delete(CalendarDay).where(CalendarDay.calendar_id == calendar.id, CalendarDay.date.in_(dates)),
        execution_options={"synchronize_session": False},
    )
    _changed(calendar, now)
    _record("remove", calendar, by, now, before={"dates": [day.isoformat() for day in sorted(dates)][:100]})
    return int(gone.rowcount)  # type: ignore[attr-defined]


def delete(calendar: Calendar, followed_by: Sequence[str], by: Actor, now: datetime) -> None:
    """`followed_by`: the schedules that use it; they belong to a feature above this one."""
    if followed_by:
        text = ngettext(
            "%(name)s follows this calendar. Choose another one there first",
            "%(name)s and %(more)s more follow this calendar. Choose another one there first",
            len(followed_by), name=followed_by[0], more=len(followed_by) - 1,
        )  # fmt: skip
        raise Refused("in_use", text)
    calendar.deleted_at = now
    _record("delete", calendar, by, now, before={"name": calendar.name})


def _lock(calendar: Calendar) -> None:
    db.session.refresh(calendar, with_for_update=True)


def _changed(calendar: Calendar, now: datetime) -> None:
    calendar.version += 1
    calendar.updated_at = calendar.changed_at = now


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


PAST = {"create": "created", "edit": "edited", "add": "edited", "remove": "edited", "delete": "deleted"}


def _record(
    verb: str, calendar: Calendar, by: Actor, now: datetime, before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    audit.record(calendar.organization_id, f"calendar.{verb}", f"calendar {calendar.name}", by, now, before, after)
    events.record(calendar.organization_id, f"calendar.{PAST[verb]}", "calendar", calendar.id, by, now)
