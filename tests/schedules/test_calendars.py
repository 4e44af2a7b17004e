"""Schedules and their calendars: what is skipped is told, and a changed calendar is followed."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import ANN, at
from webapp.calendars import lifecycle
from webapp.calendars.days import Day
from webapp.calendars.models import Calendar
from webapp.db import system_scope, within
from webapp.schedules import later

MORNING = at("2026-12-23T08:00")
NINE = {"kind": "times", "at": ["09:00"]}
CHRISTMAS = [Day(date(2026, 12, 25), "Christmas Day"), Day(date(2026, 12, 26), "Boxing Day")]


def calendar(organization_id: int, policy: str = "skip", days: list[Day] = CHRISTMAS) -> Calendar:
    with within(organization_id):
        draft = lifecycle.Draft("Office", policy, [5, 6])
        made_one = lifecycle.create(draft, ANN, MORNING)
        lifecycle.add(made_one, days, lifecycle.OWN, ANN, MORNING)
    return made_one


def follow(session: Session, now) -> None:
    with system_scope("test"):
        while later.follow_calendars(now):
            session.commit()
    session.commit()


def days_of(*numbers: int):
    return [at(f"2026-12-{number}T09:00") for number in numbers]


def test_a_day_off_is_skipped_with_its_name_and_the_calendars_version(session: Session, cast: Cast) -> None:
    office = calendar(cast.acme)
    daily = made.schedule(cast.acme, NINE, MORNING, calendar="Office", overlap="allow")
    assert daily.text == "Every day at 09:00 UTC, except Office"
    made.ticked(*days_of(23, 24, 25, 26, 27))
    assert [end for _, end, _ in made.ends(daily)] == ["fired", "fired", "skipped", "skipped", "fired"]
    skipped = made.slots(daily)[2]
    assert (skipped.reason, skipped.text, skipped.calendar_version) == ("holiday", "Christmas Day", office.version)


def test_the_next_run_that_is_shown_is_one_that_runs(session: Session, cast: Cast) -> None:
    calendar(cast.acme)
    daily = made.schedule(cast.acme, NINE, MORNING, calendar="Office", overlap="allow")
    made.ticked(*days_of(23, 24))
    assert (made.fresh(daily).due_at, daily.next_run_at) == (at("2026-12-25T09:00"), at("2026-12-27T09:00"))


def test_a_whole_day_of_minutes_is_one_row(session: Session, cast: Cast) -> None:
    calendar(cast.acme)
    often = made.schedule(cast.acme, {"kind": "interval", "every": "6h"}, MORNING, calendar="Office", overlap="allow")
    made.ticked(*[at("2026-12-24T18:00") + timedelta(hours=6 * number) for number in range(6)])
    rows = [row for row in made.slots(often) if row.end == "skipped"]
    assert [(row.count, row.at, row.until) for row in rows] == [
        (4, at("2026-12-25T00:00"), at("2026-12-25T18:00")),
        (1, at("2026-12-26T00:00"), None),
    ]


def test_on_the_next_working_day_instead(session: Session, cast: Cast) -> None:
    calendar(cast.acme, "next_working_day", CHRISTMAS[:1])
    friday = made.schedule(
        cast.acme, {"kind": "weekly", "days": ["fri"], "at": ["09:00"]}, MORNING, calendar="Office", overlap="allow"
    )
    made.ticked(*days_of(25, 26, 27, 28))
    (slot,) = made.slots(friday)
    assert (slot.at, slot.end, slot.moved_from) == (at("2026-12-28T09:00"), "fired", date(2026, 12, 25))


def test_a_new_day_off_is_followed_before_its_time(session: Session, cast: Cast) -> None:
    office = calendar(cast.acme, days=[])
    daily = made.schedule(cast.acme, NINE, MORNING, calendar="Office", overlap="allow")
    assert daily.next_run_at == at("2026-12-23T09:00")
    with within(cast.acme):
        lifecycle.add(office, [Day(date(2026, 12, 23), "Move")], lifecycle.OWN, ANN, MORNING)
    session.commit()
    follow(session, MORNING)
    assert made.fresh(daily).next_run_at == at("2026-12-24T09:00")
    made.ticked(*days_of(23))
    assert made.ends(daily) == [("12-23T09:00", "skipped", "holiday")]


def test_a_day_off_that_is_taken_back_is_followed_too(session: Session, cast: Cast) -> None:
    """The slot had been moved to Monday; without a look back at the calendar it would be missed on Friday."""
    office = calendar(cast.acme, "next_working_day", CHRISTMAS[:1])
    friday = made.schedule(
        cast.acme, {"kind": "weekly", "days": ["fri"], "at": ["09:00"]}, MORNING, calendar="Office", overlap="allow"
    )
    assert friday.due_at == at("2026-12-28T09:00")
    with within(cast.acme):
        lifecycle.remove(office, [date(2026, 12, 25)], ANN, MORNING)
    session.commit()
    follow(session, MORNING)
    assert made.fresh(friday).due_at == at("2026-12-25T09:00")
    assert session.get_one(Calendar, office.id, populate_existing=True).changed_at is None
