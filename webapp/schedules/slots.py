"""Writing down what became of due moments. The unique key (schedule, instant, agent) makes each happen once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from webapp.bulk import insert_new
from webapp.calendars.zones import day_start
from webapp.db import db, dialect
from webapp.schedules import engine, plan
from webapp.schedules.engine import HOLIDAY
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.plan import Plan
from webapp.schedules.starting import Started
from webapp.schedules.states import End

# An hour of missed minutes is listed; more of the same is one row with a count.
LISTED = 100
KEY = ("schedule_id", "at", "agent")


def record(schedule: Schedule, slot: plan.Slot, end: End, now: datetime, **facts: Any) -> int | None:
    """The row's id; None when another scheduler was there first."""
    told = {"note": slot.note, "moved_from": slot.moved_from}
    return insert(schedule, slot.at, end, now, **told | facts)


def insert(schedule: Schedule, at: datetime, end: End, now: datetime, **facts: Any) -> int | None:
    rows = db.session.execute(_new(), [_row(schedule, at, end, now) | facts])
    return next((row.id for row in rows), None)


def insert_all(rows: Sequence[dict[str, Any]]) -> set[int]:
    """The numbers of those, of many that have theirs already, that no other scheduler was there before."""
    numbers = [row["id"] for row in rows]
    if insert_new(Slot, rows, KEY) == len(rows):
        return set(numbers)
    return set(db.session.scalars(sa.select(Slot.id).where(Slot.id.in_(numbers))))


def _new() -> Any:
    statement = sqlite_insert if dialect() == "sqlite" else postgresql_insert
    return statement(Slot).on_conflict_do_nothing(index_elements=KEY).returning(Slot.id)


def _row(schedule: Schedule, at: datetime, end: End, now: datetime) -> dict[str, Any]:
    seen = schedule.calendar.version if schedule.calendar else None
    return row(schedule.organization_id, schedule.id, schedule.version, at, end, now) | {"calendar_version": seen}


def row(organization_id: int, schedule_id: int, version: int, at: datetime, end: End, now: datetime) -> dict[str, Any]:
    """What every slot says of itself."""
    return {
        "organization_id": organization_id, "schedule_id": schedule_id, "at": at, "agent": "", "end": end,
        "reason": None, "text": "", "note": None, "moved_from": None, "count": 1, "until": None, "batch_id": None,
        "waiting": None, "look_at": None, "version": version, "calendar_version": None, "settled_at": now,
    }  # fmt: skip


def update(slot_id: int, **values: Any) -> bool:
    """False when another has settled it meanwhile."""
    done = db.session.execute(
        sa.update(Slot).where(Slot.id == slot_id, Slot.end.in_((End.WAITING, End.FANNING))).values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def settle_started(slot_id: int, started: Started, now: datetime) -> None:
    """Of a target that is too large for one transaction the rest follows."""
    left = list(started.left)
    told = {"text": started.text} if started.text else {}
    update(slot_id, end=End.FANNING if left else End.FIRED, batch_id=started.batch.id,
           waiting=left or None, look_at=now if left else None, settled_at=now, **told)  # fmt: skip


def look_later(slot_id: int, at: datetime) -> None:
    update(slot_id, look_at=at)


def skip_for_holiday(schedule: Schedule, of: Plan, slot: plan.Slot, now: datetime, agent: str = "") -> None:
    """All that a day off takes away from a schedule is one row of that day, as in the preview."""
    begun = day_start(slot.local.date(), of.zone)
    same = (Slot.schedule_id == schedule.id, Slot.agent == agent, Slot.at >= begun, Slot.at < slot.at)
    counted = db.session.execute(
        sa.update(Slot)
        .where(*same, Slot.end == End.SKIPPED, Slot.reason == HOLIDAY)
        .values(count=Slot.count + 1, until=slot.at, settled_at=now),
        execution_options={"synchronize_session": False},
    )
    if not counted.rowcount:  # type: ignore[attr-defined]
        text = (engine.remark(of, slot) or "").removesuffix(": skipped")
        record(schedule, slot, End.SKIPPED, now, reason=HOLIDAY, text=text[:500], agent=agent)


def fold(schedule: Schedule, earlier: engine.Earlier, end: End, reason: str, now: datetime) -> None:
    """Many that ended alike, in one row."""
    text = "At least this many" if earlier.more else ""
    insert(schedule, earlier.first, end, now, reason=reason, count=earlier.total, until=earlier.last, text=text)


def close(schedule: Schedule, of: Plan, until: datetime, end: End, reason: str, now: datetime, text: str = "") -> int:
    """Whatever was due since the last settled slot and will not run any more; answers how many."""
    if of.kind == "freshness":
        return 0
    due = engine.due(of, schedule.last_slot_at, until, LISTED)
    runs = [slot for slot in due.slots if not slot.skipped]
    for slot in (slot for slot in due.slots if slot.skipped):
        skip_for_holiday(schedule, of, slot, now)
    total = len(runs) + (due.earlier.total if due.earlier else 0)
    if total == len(runs) == 1:
        record(schedule, runs[0], end, now, reason=reason, text=text)
    elif total:
        first = due.earlier.first if due.earlier else runs[0].at
        last = runs[-1].at if runs or not due.earlier else due.earlier.last
        insert(schedule, first, end, now, reason=reason, text=text, count=total, until=last)
    return total
