"""Schedules in a storm, and an oracle of when each was due that knows nothing of the engine: arithmetic on seconds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bench.storm.marker import PLUGIN_ID
from bench.storm.site import Site
from webapp.access.models import Organization
from webapp.clock import now
from webapp.db import within
from webapp.events import Actor
from webapp.schedules import draft, lifecycle, policies
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.states import End, Status
from webapp.tasks.models import Task

BY = Actor("system", "Storm")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFTEN = (2, 5, 6, 10, 12, 15, 20, 30, 60)  # seconds; each divides a minute, so a cron can say it as well
SELDOM = (5, 10, 12, 15, 20, 30, 60)
UNTOLD = (End.WAITING, End.FANNING)


@dataclass(frozen=True)
class Planned:
    """One schedule as the storm knows it: due at each whole multiple of `every`, later than `begun`, up to `end`."""

    id: int
    every: int
    begun: datetime
    end: datetime

    def due(self) -> Iterator[datetime]:
        first = (self.begun - EPOCH) // timedelta(seconds=self.every) + 1
        moment = EPOCH + timedelta(seconds=first * self.every)
        while moment <= self.end:
            yield moment
            moment += timedelta(seconds=self.every)


def gentle(site: Site, seed: int, seconds: float) -> list[Planned]:
    """A dozen beside other work, by every policy: what is due may be skipped or missed, never without a reason."""
    chance = random.Random(f"{seed} schedules")
    lengths = [chance.choice(SELDOM) for _ in range(12)]
    policy = [{"misfire": chance.choice(policies.MISFIRE), "overlap": chance.choice(policies.OVERLAP)} for _ in lengths]
    return make(site, zip(lengths, policy, strict=True), seconds)


def strict(site: Site, seed: int, seconds: float, least: int) -> list[Planned]:
    """As many as bring at least so many moments, and run whatever they find: each must have started exactly one task."""
    chance, lengths = random.Random(seed), list[int]()
    while sum(int(seconds) // every - 1 for every in lengths) < least:
        lengths.append(chance.choice(OFTEN))
    return make(site, [(every, {"misfire": "all", "overlap": "allow"}) for every in lengths], seconds)


def make(site: Site, wanted: Iterable[tuple[int, dict[str, str]]], seconds: float) -> list[Planned]:
    begun = now()
    end = (begun + timedelta(seconds=seconds)).replace(microsecond=0)
    with site.unit(reading=False) as session:
        home = session.scalars(sa.select(Organization.id)).one()
        with within(home):
            return [_make(number, every, begun, end, own) for number, (every, own) in enumerate(wanted)]


def _make(number: int, every: int, begun: datetime, end: datetime, settings: dict[str, str]) -> Planned:
    data = {"plugin_id": PLUGIN_ID, "input_data": [f"schedule-{number}"], "kwargs": {"lines": 1, "seconds": 0}}
    given: dict[str, Any] = {
        "name": f"Every {every} s, {number}", "spec": {"data": data}, "end": end.isoformat(),
        "rule": rule(every, by_cron=number % 2 == 0),
    }  # fmt: skip
    return Planned(lifecycle.create(draft.read(given | settings, begun), BY, begun).id, every, begun, end)


def rule(every: int, by_cron: bool) -> dict[str, Any]:
    if by_cron:
        return {"kind": "cron", "expr": "0 * * * * *" if every == 60 else f"*/{every} * * * * *"}
    return {"kind": "interval", "every": f"{every}s"}


def unsettled(session: Session, planned: list[Planned]) -> int:
    """Schedules that have not come to their end, and slots that have not come to theirs."""
    ids = [each.id for each in planned]
    going = sa.select(Schedule.id).where(Schedule.id.in_(ids), Schedule.status != Status.COMPLETED)
    waiting = sa.select(Slot.id).where(Slot.schedule_id.in_(ids), Slot.end.in_(UNTOLD))
    return len(session.scalars(going).all()) + len(session.scalars(waiting).all())


def violations(session: Session, planned: list[Planned], must_fire: bool = False) -> list[str]:
    """Inv5: each moment that was due is told by exactly one slot, and no other; a fired one started one task."""
    return [text for each in planned for text in _told(session, each, must_fire)] + _started(session, planned)


def _told(session: Session, planned: Planned, must_fire: bool) -> Iterator[str]:
    slots = session.scalars(sa.select(Slot).where(Slot.schedule_id == planned.id)).all()
    told = Counter(moment for slot in slots for moment in _covered(slot, planned))
    due = set(planned.due())
    for moment in sorted(due | told.keys()):
        if told[moment] != (moment in due):
            yield f"Inv5 schedule {planned.id} at {moment:%H:%M:%S}: told {told[moment]} times, due {moment in due:d}"
    for slot in slots:
        if slot.end != End.FIRED and (must_fire or not slot.reason):
            yield f"Inv5 schedule {planned.id} at {slot.at:%H:%M:%S}: {slot.end} {slot.reason}"


def _covered(slot: Slot, planned: Planned) -> Iterator[datetime]:
    """A row with a count stands for all moments from its first to its last."""
    moment = slot.at
    while moment <= (slot.until or slot.at):
        yield moment
        moment += timedelta(seconds=planned.every)


def _started(session: Session, planned: list[Planned]) -> list[str]:
    """One task for each fired slot, its retries left out; none for any other."""
    firsts = sa.func.count(Task.id).filter(Task.original_task_id.is_(None))
    counted = (
        sa.select(Slot.id, Slot.end, firsts)
        .outerjoin(Task, Task.slot_id == Slot.id)
        .where(Slot.schedule_id.in_([each.id for each in planned]))
        .group_by(Slot.id, Slot.end)
    )
    return [
        f"Inv5 slot {slot}: {end}, with {tasks} tasks"
        for slot, end, tasks in session.execute(counted)
        if tasks != (end == End.FIRED)
    ]


def latest(session: Session) -> float:
    """How long the slowest slot took to be settled, in seconds after it was due."""
    rows = session.execute(sa.select(Slot.at, Slot.settled_at)).all()
    return max(((settled - at).total_seconds() for at, settled in rows), default=0.0)


def ends(session: Session) -> dict[str, int]:
    """How the slots ended, in counts of moments."""
    rows = session.execute(sa.select(Slot.end, Slot.reason, sa.func.sum(Slot.count)).group_by(Slot.end, Slot.reason))
    return {f"{end} {reason}" if reason else end: int(count) for end, reason, count in rows}
