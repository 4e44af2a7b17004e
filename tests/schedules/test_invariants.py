"""A slot starts once or says why not, and a breach of that is told."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from tests.tasks import made as tasks
from webapp.schedules import invariants
from webapp.schedules.models import Slot
from webapp.tasks.models import Task

MORNING = at("2026-11-23T08:00")
NINE = {"kind": "times", "at": ["09:00"]}


def test_slots_that_fired_and_slots_that_were_missed_are_fine(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-23T09:00"), at("2026-11-27T12:00"))
    assert {end for _, end, _ in made.ends(daily)} >= {"fired", "missed"}
    assert invariants.slots(session) == []


def test_a_slot_that_started_two_batches_is_told(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    slot, other = made.slots(daily)[0], tasks.task(cast.acme)
    session.execute(sa.update(Task).where(Task.id == other.id).values(slot_id=slot.id))
    assert [str(each) for each in invariants.slots(session)] == [f"Inv5 slot {slot.id}: started 2 batches"]


def test_a_silent_miss_is_told(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-27T12:00"))
    session.execute(sa.update(Slot).where(Slot.schedule_id == daily.id, Slot.end == "missed").values(reason=None))
    assert "missed without a reason" in str(invariants.slots(session)[0])
