"""What is due of one schedule, and what each moment comes to by its policies."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Protocol

from webapp.schedules import engine, policies
from webapp.schedules.engine import Due
from webapp.schedules.plan import Plan, Slot
from webapp.schedules.policies import FIRE, MISSED, PUNCTUAL, Verdict


class Judged(Protocol):
    """What is asked of a schedule."""

    @property
    def last_slot_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime | None: ...
    @property
    def misfire(self) -> str: ...


def due(schedule: Judged, plan: Plan, now: datetime) -> tuple[Due, Slot | None]:
    """What is due, and the first slot that is not; most of the time that is one slot and the next."""
    first = list(islice(engine.walk(plan, schedule.last_slot_at), 2))
    if len(first) < 2 or first[1].at > now:
        passed = [slot for slot in first if slot.at <= now]
        return Due(passed, None), first[len(passed)] if len(passed) < len(first) else None
    return engine.due(plan, schedule.last_slot_at, now), engine.next_slot(plan, now)


def judged(schedule: Judged, found: Due, now: datetime) -> list[Verdict]:
    verdicts = policies.misfire(schedule.misfire, found.slots, now)
    if schedule.ends_at and now - schedule.ends_at > PUNCTUAL:
        # The window is over: what it should have held is not begun after it.
        return [each._replace(end=MISSED, reason="too_late") if each.end == FIRE else each for each in verdicts]
    return verdicts
