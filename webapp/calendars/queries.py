"""Reading calendars: one, all, and as the schedules see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import sqlalchemy as sa

from webapp.calendars.days import DaysOff
from webapp.calendars.models import Calendar, CalendarDay
from webapp.db import db


def listed(text: str = "") -> Sequence[Calendar]:
    return db.session.scalars(matching(text).order_by(Calendar.name)).all()


def matching(text: str) -> sa.Select[Calendar]:
    """All with this in their names, in no order yet."""
    found = sa.select(Calendar).where(Calendar.deleted_at.is_(None))
    if text:
        found = found.where(sa.func.lower(Calendar.name).contains(text.lower(), autoescape=True))
    return found


def find(said: object, organization_id: int) -> Calendar | None:
    """By its name or its number, as forms and programs say it."""
    mine = sa.select(Calendar).where(Calendar.organization_id == organization_id, Calendar.deleted_at.is_(None))
    if (by_name := db.session.scalar(mine.where(Calendar.name == str(said)))) or not _number(said):
        return by_name
    return db.session.scalar(mine.where(Calendar.id == int(str(said))))


def days(calendar: Calendar) -> Sequence[CalendarDay]:
    return db.session.scalars(
        sa.select(CalendarDay).where(CalendarDay.calendar_id == calendar.id).order_by(CalendarDay.date)
    ).all()


def spans(calendars: Sequence[Calendar]) -> dict[int, tuple[int, date, date]]:
    """How many dates each has, the first and the last."""
    columns = (CalendarDay.calendar_id, sa.func.count(), sa.func.min(CalendarDay.date), sa.func.max(CalendarDay.date))
    counted = sa.select(*columns).where(CalendarDay.calendar_id.in_([calendar.id for calendar in calendars]))
    return {row[0]: (row[1], row[2], row[3]) for row in db.session.execute(counted.group_by(CalendarDay.calendar_id))}


def _number(said: object) -> bool:
    return str(said).isascii() and str(said).isdecimal() and len(str(said)) < 10


def days_off(calendar: Calendar) -> DaysOff:
    state = (calendar.version, calendar.updated_at)  # a version that was rolled back is taken again by another change
    return _days_off(calendar.id, state, calendar.name, calendar.policy, tuple(calendar.weekend))


@lru_cache(maxsize=256)
def _days_off(calendar_id: int, state: object, name: str, policy: str, weekend: tuple[int, ...]) -> DaysOff:
    """Kept by its state: a scheduler asks for the same calendar at every slot."""
    rows = db.session.execute(
        sa.select(CalendarDay.date, CalendarDay.name).where(CalendarDay.calendar_id == calendar_id)
    )
    return DaysOff(name, {row.date: row.name for row in rows}, policy, frozenset(weekend))
