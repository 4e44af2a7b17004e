"""The scheduler's own part: a clock that leaps is not believed at once, and bites go on until nothing is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from webapp import db as database
from webapp import queue
from webapp.config import Settings
from webapp.schedules import tick
from workers.chores import Chores
from workers.scheduler import Schedules, SteadyClock, chores

MORNING = at("2026-11-23T08:00")
HALF = timedelta(seconds=0.5)


class Time:
    """What the wall, the database and the monotonic clock say, moved by the test."""

    def __init__(self) -> None:
        self.wall = self.database = MORNING
        self.ticks = 100.0
        self.clock = SteadyClock(lambda: self.database, lambda: self.ticks)

    def look(self, step: timedelta = HALF, leap: timedelta = timedelta()) -> bool:
        self.ticks += step.total_seconds()
        self.wall += step + leap
        self.database += step
        return self.clock.steady(self.wall)


def test_a_steady_clock_is_believed() -> None:
    time = Time()
    assert [time.look() for _ in range(4)] == [True] * 4


def test_a_leap_ahead_is_held_until_two_looks_agree_with_the_database() -> None:
    time = Time()
    time.look()
    assert not time.look(leap=timedelta(hours=5))
    assert [time.look() for _ in range(3)] == [False] * 3, "the database still says another time"
    time.database = time.wall
    assert [time.look(), time.look()] == [False, True]
    assert time.look()


def test_a_leap_that_was_a_mistake_and_is_taken_back() -> None:
    time = Time()
    time.look()
    assert not time.look(leap=timedelta(days=1))
    assert [time.look(leap=-timedelta(days=1)), time.look()] == [False, True]


def test_less_than_an_hour_and_a_long_round_are_no_leap() -> None:
    time = Time()
    assert all([time.look(), time.look(leap=timedelta(minutes=59)), time.look(step=timedelta(hours=3))])


def test_the_time_before_it_started_is_downtime_and_no_leap() -> None:
    assert Time().clock.steady(MORNING + timedelta(days=3))


def test_a_leap_starts_nothing_until_it_is_sure(app: Flask, session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING)
    schedules = Schedules()
    seen: list[datetime] = [MORNING]
    schedules.clock = SteadyClock(lambda: seen[-1])
    noon = at("2026-11-23T09:30")
    counts = []
    for now in (MORNING, noon, noon, noon):
        seen.append(now)
        counts.append(schedules.start_due(now))
    assert counts == [0, 0, 0, 1] and len(made.tasks(daily)) == 1


def test_all_that_is_due_is_taken_in_one_round(settings: Settings, session: Session, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(tick, "BITE", 2)
    five = [made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING) for _ in range(5)]
    session.commit()
    queue.connect(settings)
    work = Chores("scheduler", database.core(settings), chores())
    assert work.tick(at("2026-11-23T09:00")) == 0, "no chore failed"
    with work.app.app_context():
        database.db.engine.dispose()
    assert [len(made.tasks(each)) for each in five] == [1] * 5
