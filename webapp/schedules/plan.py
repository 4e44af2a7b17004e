"""A plan is everything that decides when; a slot is one moment that follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from webapp.calendars.days import DaysOff
from webapp.calendars.zones import When, offset
from webapp.schedules.kinds import KINDS
from webapp.schedules.seed import Seed

# Asking for what comes strictly later than this much before a moment includes the moment.
TICK = timedelta(microseconds=1)
ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Plan:
    """`rule` is what the kind's `parse` made of it; `start` and `end` are included."""

    kind: str
    rule: Any
    zone: ZoneInfo
    start: datetime | None = None
    end: datetime | None = None
    calendar: DaysOff | None = None
    jitter: int = 0
    seed: Seed = field(default_factory=Seed)

    @property
    def per_agent(self) -> bool:
        """Each agent has times of its own: ask `for_agent`."""
        return getattr(self.rule, "per", None) == "agent"

    @property
    def by_chance(self) -> bool:
        """Two with the same rule have different times."""
        return self.jitter > 0 or self.kind == "random"

    def for_agent(self, agent: str) -> Plan:
        return replace(self, seed=replace(self.seed, agent=agent)) if self.per_agent else self


class Slot(NamedTuple):
    """`at` is when it really runs; `wall` the time that the rule names, where clocks are changed."""

    at: datetime
    local: datetime
    note: str | None
    wall: datetime
    skipped: str | None = None
    moved_from: date | None = None


def slot_of(plan: Plan, when: When) -> Slot:
    # A plain offset in place of the zone: it can be copied and sent anywhere.
    local = when.at.astimezone(timezone(offset(when.at, plan.zone)))
    return Slot(when.at, local, when.note, when.wall)


def times(plan: Plan, after: datetime) -> Iterator[When]:
    """When the rule is due strictly later than `after`, delay included, holidays not yet considered."""
    find = partial(KINDS[plan.kind].after, plan.rule, tz=plan.zone, seed=plan.seed)
    begin = after - timedelta(seconds=plan.jitter)
    found = find(max(begin, plan.start - TICK) if plan.start else begin)
    while found and not (plan.end and found.at > plan.end):
        following = find(found.at) if plan.jitter else None
        due = _delayed(plan, found, following) if plan.jitter else found
        if due.at > after:
            yield due
        found = following if plan.jitter else find(found.at)


def _delayed(plan: Plan, found: When, following: When | None) -> When:
    """Later by chance, but before the next one and not past the end: order and number stay."""
    highest = timedelta(seconds=plan.jitter)
    if following:
        highest = min(highest, following.at - found.at - ONE_SECOND)
    if plan.end:
        highest = min(highest, plan.end - found.at)
    delay = plan.seed.draw(found.at.isoformat(), int(highest.total_seconds()))
    return found._replace(at=found.at + timedelta(seconds=delay))
