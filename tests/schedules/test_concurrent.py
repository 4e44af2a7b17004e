"""Four schedulers at once, on both databases: every slot once, none lost."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from tests.schedules.strategies import FULL
from webapp import db as database
from webapp import queue
from webapp.config import Settings
from webapp.db import db, unit
from webapp.schedules import later, tick
from webapp.schedules.models import Slot
from webapp.tasks.models import Task

MORNING = at("2026-11-23T08:00")
EVERY_MINUTE = {"kind": "cron", "expr": "* * * * *"}
SCHEDULES, MINUTES = 12, 10 if FULL else 4


def scheduler(settings: Settings, barrier: threading.Barrier) -> None:
    """Minute by minute, in step with the others, as often as it finds anything due."""
    queue.connect(settings)
    app = database.core(settings)
    for minute in range(1, MINUTES + 1):
        barrier.wait(60)
        now = MORNING + timedelta(minutes=minute, seconds=1)
        while True:
            with unit(app, "test scheduler"):
                found = tick.tick(now, most=3)
                later.go_on(now)
            if not found:
                break
    with app.app_context():
        db.engine.dispose()


def check(session: Session) -> None:
    slots = session.scalars(sa.select(Slot).execution_options(populate_existing=True)).all()
    assert Counter(slot.end for slot in slots) == {"fired": SCHEDULES * MINUTES}
    tasks = session.execute(sa.select(Task.slot_id, sa.func.count()).group_by(Task.slot_id)).all()
    assert len(tasks) == SCHEDULES * MINUTES and {count for _, count in tasks} == {1}


def prepare(cast: Cast) -> None:
    for number in range(SCHEDULES):
        made.schedule(cast.acme, EVERY_MINUTE, MORNING, name=f"Number {number}", overlap="allow")


def test_four_threads(session: Session, cast: Cast, settings: Settings) -> None:
    prepare(cast)
    session.commit()
    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=scheduler, args=(settings, barrier)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    check(session)


def test_four_processes(session: Session, cast: Cast, settings: Settings) -> None:
    prepare(cast)
    session.commit()
    fresh = multiprocessing.get_context("spawn")
    barrier = fresh.Barrier(4)
    processes = [fresh.Process(target=scheduler, args=(settings, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    check(session)


def test_one_that_dies_at_the_slot_leaves_it_to_the_next(session: Session, cast: Cast, settings: Settings) -> None:
    """Killed between the launch and the commit: nothing of it stays, and the slot still fires once."""
    schedule = made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING)
    session.commit()
    dying = multiprocessing.get_context("spawn").Process(target=killed_at_the_slot, args=(settings,))
    dying.start()
    dying.join(60)
    assert dying.exitcode == -9
    assert made.slots(schedule) == []
    late = time.monotonic() + 60  # PostgreSQL holds the locks of the dead for a moment, and a tick passes them by
    while not made.ends(schedule) and time.monotonic() < late:
        made.ticked(at("2026-11-23T09:00:05"))
    assert made.ends(schedule) == [("11-23T09:00", "fired", None)] and len(made.tasks(schedule)) == 1


def killed_at_the_slot(settings: Settings) -> None:
    import os

    os.environ["MUSTER_FAULT_POINT"] = "fired:1"
    queue.connect(settings)
    with unit(database.core(settings), "test scheduler"):
        tick.tick(at("2026-11-23T09:00"))
