"""What must always be true of slots, however many schedulers ran and were killed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from webapp.schedules.models import Slot
from webapp.schedules.states import End
from webapp.tasks.invariants import MOST, Violation
from webapp.tasks.models import Task

UNTOLD = (End.SKIPPED, End.MISSED)  # none of these without a reason


def slots(session: Session, since: int = 0) -> list[Violation]:
    """Inv5: a slot starts one batch at most, and what did not run says why. `since` is a task's id."""
    return _fired_twice(session, since) + _silent(session)


def _fired_twice(session: Session, since: int) -> list[Violation]:
    batches = sa.func.count(sa.distinct(Task.batch_id))
    asked = (
        sa.select(Task.slot_id, batches)
        .where(Task.id >= since, Task.slot_id.is_not(None))
        .group_by(Task.slot_id)
        .having(batches > 1)
    )
    rows = session.execute(asked.limit(MOST))
    return [Violation("Inv5", f"slot {slot_id}", f"started {count} batches") for slot_id, count in rows]


def _silent(session: Session) -> list[Violation]:
    asked = sa.select(Slot.id, Slot.end).where(Slot.end.in_(UNTOLD), Slot.reason.is_(None))
    rows = session.execute(asked.limit(MOST))
    return [Violation("Inv5", f"slot {slot_id}", f"{end} without a reason") for slot_id, end in rows]
