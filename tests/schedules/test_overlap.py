"""A run is due and the one before still goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from tests.tasks import made as tasks
from webapp.schedules.models import Schedule
from webapp.schedules.states import REASONS
from webapp.tasks import claim, lifecycle
from webapp.tasks.lifecycle import End

MORNING = at("2026-11-23T08:00")
TEN = {"kind": "interval", "every": "10m"}


def minute(number: int) -> datetime:
    return MORNING + timedelta(minutes=number)


def often(cast: Cast, overlap: str) -> Schedule:
    return made.schedule(cast.acme, TEN, MORNING, overlap=overlap)


def begin(now: datetime) -> claim.Claimed:
    taken = tasks.claimed(now)[0]
    lifecycle.start(taken.task, taken.lease, tasks.WORKER, now)
    return taken


def finish(session: Session, taken: claim.Claimed, now: datetime) -> None:
    lifecycle.finish(taken.task, taken.lease, tasks.WORKER, now, End(0))
    session.commit()


def ended(schedule: Schedule) -> list[str]:
    return [end for _, end, _ in made.ends(schedule)]


def test_allow_runs_both(session: Session, cast: Cast) -> None:
    schedule = often(cast, "allow")
    made.ticked(minute(10), minute(20), minute(30))
    assert ended(schedule) == ["fired"] * 3


def test_skip_leaves_it_out_with_the_reason(session: Session, cast: Cast) -> None:
    schedule = often(cast, "skip")
    made.ticked(minute(10))
    taken = begin(minute(10))
    made.ticked(minute(20))
    finish(session, taken, minute(25))
    made.ticked(minute(30))
    assert made.ends(schedule) == [
        ("11-23T08:10", "fired", None),
        ("11-23T08:20", "skipped", "overlap"),
        ("11-23T08:30", "fired", None),
    ]


def test_queue_lets_one_wait_and_no_more(session: Session, cast: Cast) -> None:
    schedule = often(cast, "queue")
    made.ticked(minute(10))
    taken = begin(minute(10))
    made.ticked(minute(20), minute(30))
    assert ended(schedule) == ["fired", "waiting", "skipped"]
    assert [slot.why for slot in made.slots(schedule)] == ["", "The run before still goes on", REASONS["overlap"]]
    assert len(made.tasks(schedule)) == 1
    finish(session, taken, minute(35))
    made.ticked(minute(35) + timedelta(seconds=1))
    assert ended(schedule) == ["fired", "fired", "skipped"]
    assert len(made.tasks(schedule)) == 2


def test_replace_stops_the_old_one_and_starts_when_it_is_gone(session: Session, cast: Cast) -> None:
    schedule = often(cast, "replace")
    made.ticked(minute(10))
    taken = begin(minute(10))
    made.ticked(minute(20))
    assert ended(schedule) == ["fired", "waiting"]
    (old,) = made.tasks(schedule)
    assert old.cancelling
    lifecycle.stopped(old, taken.lease, tasks.WORKER, minute(21), End(260))
    session.commit()
    made.ticked(minute(21))
    assert ended(schedule) == ["fired", "fired"]
    assert [task.status for task in made.tasks(schedule)] == ["terminated", "pending"]


def test_replace_of_what_has_not_begun_is_immediate(session: Session, cast: Cast) -> None:
    schedule = often(cast, "replace")
    made.ticked(minute(10), minute(20))
    assert [task.status for task in made.tasks(schedule)] == ["cancelled", "pending"]


def test_a_later_run_takes_the_place_of_one_that_waits(session: Session, cast: Cast) -> None:
    schedule = often(cast, "replace")
    made.ticked(minute(10))
    begin(minute(10))
    session.commit()
    made.ticked(minute(20), minute(30))
    assert made.ends(schedule)[1:] == [("11-23T08:20", "skipped", "replaced"), ("11-23T08:30", "waiting", None)]


def test_other_schedules_runs_do_not_count(session: Session, cast: Cast) -> None:
    first, second = often(cast, "skip"), often(cast, "skip")
    made.ticked(minute(10))
    assert (ended(first), ended(second)) == (["fired"], ["fired"])
