"""Turns what is due into work: slots of schedules, tasks whose time has come, targets that are looked for only now."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

import structlog

from webapp import db as database
from webapp.config import Settings
from webapp.db import db
from webapp.schedules import later, tick
from webapp.schedules.starting import STARTERS, Starters
from webapp.tasks import sweep
from workers import due
from workers.chores import Chore, run

EVERY = 0.5
JUMP = timedelta(hours=1)
AGREED = timedelta(seconds=5)
MOST_BITES = 50  # before other chores have their turn

log = structlog.get_logger("scheduler")


class SteadyClock:
    """A clock that leaps ahead by more than an hour is not believed until two looks in a row agree with the
    database's: a mistaken one would start at once all that a day was to bring."""

    def __init__(self, ask: Callable[[], datetime], ticks: Callable[[], float] = time.monotonic) -> None:
        self.ask, self.ticks = ask, ticks
        self.last: tuple[datetime, float] | None = None
        self.doubted = False
        self.agreed = 0

    def steady(self, now: datetime) -> bool:
        moment = self.ticks()
        if not self.doubted and self._leapt(now, moment):
            self.doubted, self.agreed = True, 0
            log.warning("the clock has leapt ahead; schedules wait until it is sure", now=now.isoformat())
        elif self.doubted:
            self.agreed = self.agreed + 1 if abs(self.ask() - now) < AGREED else 0
            self.doubted = self.agreed < 2
        self.last = now, moment
        return not self.doubted

    def _leapt(self, now: datetime, moment: float) -> bool:
        if self.last is None:
            return False
        before, then = self.last
        return now - before - timedelta(seconds=moment - then) > JUMP


class Schedules:
    """The chores of schedules; each bite is a transaction of its own."""

    def __init__(self, starters: Starters = STARTERS) -> None:
        self.starters = starters
        self.clock = SteadyClock(database.database_now)

    def start_due(self, now: datetime) -> int:
        if not self.clock.steady(now):
            return 0
        return _bites(lambda: tick.tick(now, self.starters), tick.BITE)

    def go_on(self, now: datetime) -> int:
        return _bites(lambda: later.go_on(now, self.starters), later.BITE)

    def follow_calendars(self, now: datetime) -> int:
        return _bites(lambda: later.follow_calendars(now), later.BITE)


def _bites(bite: Callable[[], int], full: int) -> int:
    done = 0
    for _ in range(MOST_BITES):
        found = bite()
        db.session.commit()
        done += found
        if found < full:
            break
    return done


def chores() -> list[Chore]:
    schedules = Schedules()
    return [
        Chore(0.5, schedules.start_due, due.SCHEDULES), Chore(0.5, schedules.go_on, due.SLOTS),
        Chore(1, schedules.follow_calendars, due.CALENDARS), Chore(0.5, sweep.release_due, due.SCHEDULED_TASKS),
        Chore(1, sweep.fan_out, due.UNRESOLVED_TASKS),
    ]  # fmt: skip


def main(settings: Settings, stop: Event) -> None:
    run("scheduler", settings, chores(), EVERY, stop)
