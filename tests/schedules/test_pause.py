"""A paused schedule keeps what it is and starts nothing; what falls into the pause is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import ANN, at
from webapp.access.models import Audit
from webapp.refusal import Refused
from webapp.schedules import lifecycle

MORNING = at("2026-11-23T08:00")
HOURLY = {"kind": "interval", "every": "1h"}


def test_it_starts_nothing_and_says_who_and_why(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    lifecycle.pause(hourly, ANN, MORNING, "Disk is being replaced")
    session.commit()
    assert made.ticked(at("2026-11-23T12:00")) == 0
    assert (hourly.status, hourly.paused_by, hourly.reason) == ("paused", "ann", "Disk is being replaced")
    assert (hourly.due_at, hourly.next_run_at) == (None, None)
    assert session.scalars(sa.select(Audit.action).order_by(Audit.id.desc())).first() == "schedule.pause"


def test_what_fell_into_the_pause_is_one_skipped_row(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    lifecycle.pause(hourly, ANN, at("2026-11-23T09:30"))
    lifecycle.resume(hourly, ANN, at("2026-11-23T12:30"))
    session.commit()
    rows = made.slots(hourly)
    assert [(row.end, row.reason, row.count) for row in rows] == [("fired", None, 1), ("skipped", "paused", 3)]
    assert (rows[1].at, rows[1].until) == (at("2026-11-23T10:00"), at("2026-11-23T12:00"))
    assert (hourly.status, hourly.due_at, hourly.reason) == ("active", at("2026-11-23T13:00"), "")


def test_it_goes_on_by_itself_at_the_given_time(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    lifecycle.pause(hourly, ANN, MORNING, resume_at=at("2026-11-23T11:30"))
    session.commit()
    assert hourly.next_run_at == at("2026-11-23T12:00")
    made.ticked(at("2026-11-23T11:00"), at("2026-11-23T11:30"))
    assert made.fresh(hourly).status == "active"
    made.ticked(at("2026-11-23T12:00"))
    assert [(row.end, row.count) for row in made.slots(hourly)] == [("skipped", 3), ("fired", 1)]


def test_a_time_to_go_on_that_has_passed_is_refused(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    with pytest.raises(Refused, match="has passed"):
        lifecycle.pause(hourly, ANN, MORNING, resume_at=MORNING - timedelta(hours=1))


def test_a_pause_can_be_told_another_reason(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    lifecycle.pause(hourly, ANN, MORNING)
    lifecycle.pause(hourly, ANN, at("2026-11-23T10:30"), "Still broken", at("2026-11-24T08:00"))
    lifecycle.resume(hourly, ANN, at("2026-11-23T11:30"))
    assert [(row.end, row.count) for row in made.slots(hourly)] == [("skipped", 3)]


def test_its_end_comes_also_while_it_is_paused(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING, end="2026-11-23T10:30")
    lifecycle.pause(hourly, ANN, MORNING)
    session.commit()
    made.ticked(at("2026-11-23T10:30"))
    assert made.fresh(hourly).status == "completed"
    assert [(row.end, row.reason, row.count) for row in made.slots(hourly)] == [("skipped", "paused", 2)]


def test_resuming_what_is_over_is_refused(session: Session, cast: Cast) -> None:
    once = made.schedule(cast.acme, {"kind": "once", "at": "2026-11-23T09:00"}, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    with pytest.raises(Refused, match="Completed"):
        lifecycle.resume(once, ANN, at("2026-11-23T10:00"))


def test_a_broken_one_goes_on_when_its_cause_is_gone(session: Session, cast: Cast) -> None:
    hourly = made.schedule(cast.acme, HOURLY, MORNING)
    good, hourly.rule = hourly.rule, {"kind": "nonsense"}
    session.commit()
    made.ticked(at("2026-11-23T09:00"))
    with pytest.raises(Refused, match="nonsense"):
        lifecycle.resume(hourly, ANN, at("2026-11-23T09:30"))
    session.rollback()
    hourly.rule = good
    session.commit()
    lifecycle.resume(hourly, ANN, at("2026-11-23T10:30"))
    session.commit()
    assert made.fresh(hourly).status == "active"
    assert [(row.end, row.reason, row.count) for row in made.slots(hourly)] == [("missed", "broken", 2)]
