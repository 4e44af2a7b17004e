"""The month of schedules: what became of each day's runs, what comes, and what is left out of a big one."""

from __future__ import annotations

import re
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from webapp import clock
from webapp.calendars.zones import zone
from webapp.db import within
from webapp.schedules import month
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.queries import Chosen
from webapp.tasks.models import Task

PATH = "/tasks/schedules/month"
NINE = {"kind": "times", "at": ["09:00"]}
MARCH = month.span_of(date(2026, 3, 1), zone("UTC"))
NOON = at("2026-03-03T12:00")


def looked_at(organization_id: int, span: month.Span = MARCH, now: object = NOON) -> month.Picture:
    with within(organization_id):
        return month.picture(Chosen(), span, now)  # type: ignore[arg-type]


def said(picture: month.Picture) -> dict[int, list[tuple[str, str, str]]]:
    return {
        day: [(line.schedule.name, line.times, line.words) for line in lines] for day, lines in picture.days.items()
    }


@pytest.fixture
def daily(session: Session, cast: Cast) -> Schedule:
    """At nine; it ran on the first two days of March, and the scheduler was away on the third."""
    daily = made.schedule(cast.acme, NINE, at("2026-03-01T00:00"), name="Daily", overlap="allow", misfire="skip")
    made.ticked(at("2026-03-01T09:00"), at("2026-03-02T09:00"), at("2026-03-03T11:00"))
    return daily


def test_past_days_say_what_became_of_their_runs_and_the_others_what_comes(
    session: Session, cast: Cast, daily: Schedule
) -> None:
    session.execute(
        sa.update(Task).where(Task.id == made.tasks(daily)[0].id).values(status="failed", reason="exit_code")
    )
    session.commit()
    days = said(looked_at(cast.acme))
    assert [days[day][0][2] for day in (1, 2, 3, 4, 31)] == [
        "1 failed",
        "1 running",
        "1 missed",
        "1 to come",
        "1 to come",
    ]
    assert days[31] == [("Daily", "09:00", "1 to come")] and len(days) == 31


def test_looking_changes_nothing(session: Session, cast: Cast, daily: Schedule) -> None:
    before = (made.ends(daily), daily.due_at, daily.version)
    looked_at(cast.acme)
    assert not session.new and not session.dirty
    session.rollback()
    assert before == (made.ends(made.fresh(daily)), daily.due_at, daily.version)


def test_a_busy_schedule_is_one_line_a_day_with_its_number(session: Session, cast: Cast) -> None:
    """Also on the day on which clocks are changed, and after those that run once."""
    often = {"kind": "interval", "every": "15m"}
    made.schedule(cast.acme, often, at("2026-03-01T00:00"), name="Busy", timezone="Europe/London")
    made.schedule(cast.acme, NINE, at("2026-03-01T00:00"), name="Calm")
    days = said(looked_at(cast.acme, month.span_of(date(2026, 3, 1), zone("Europe/London"))))
    assert days[28] == [("Calm", "09:00", "1 to come"), ("Busy", "00:00–23:45", "96 to come")]
    assert days[29][1][2] == "92 to come"


def test_days_are_those_of_the_readers_zone(session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, {"kind": "times", "at": ["23:30"]}, at("2026-03-01T00:00"), name="Late")
    assert 1 in said(looked_at(cast.acme, now=at("2026-03-01T01:00")))
    far = said(looked_at(cast.acme, month.span_of(date(2026, 3, 1), zone("Asia/Tokyo")), at("2026-03-01T01:00")))
    assert 1 not in far and far[2] == [("Late", "08:30", "1 to come")]


def test_what_is_left_out_is_said(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "B", "C"):
        made.schedule(cast.acme, NINE, at("2026-03-01T00:00"), name=name)
    made.ticked(at("2026-03-01T09:00"), at("2026-03-02T09:00"), at("2026-03-03T09:00"))
    monkeypatch.setattr(month, "MOST", 2)
    monkeypatch.setattr(month, "MOST_RUNS", 6)
    shown = looked_at(cast.acme)
    assert shown.more and shown.cut and [schedule.name for schedule in shown.busy] == ["A", "B"]
    assert {line.schedule.name for lines in shown.days.values() for line in lines} == {"A", "B"}


def test_the_page_goes_from_month_to_month_and_opens_a_day(client: Browser, session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, NINE, clock.now(), name="Nightly scan")
    client.login("viewer")
    page = client.get(f"{PATH}?month=2030-01&q=nightly").text
    assert "January 2030" in page and page.count(">Nightly scan<") == 31 and "09:00" in page
    for there in ("month=2029-12", "month=2030-02", "month=2030-01&amp;day=16#day"):
        assert f'href="{PATH}?q=nightly&amp;{there}"' in page
    day = client.get(f"{PATH}?month=2030-01&day=16").text.partition('id="day"')[2]
    assert "Wednesday 16 January 2030" in day and "1 to come" in day
    assert "Nothing runs in January 2030." in client.get(f"{PATH}?month=2030-01&q=other").text


@pytest.mark.parametrize("asked", ["month=x", "month=2026-13", "month=0001-01", "month=2026-02&day=31", "day=²"])
def test_what_is_no_month_is_this_one(client: Browser, cast: Cast, asked: str) -> None:
    page = client.login("viewer").get(f"{PATH}?{asked}")
    assert page.status_code == 200 and 'id="day"' not in page.text


def test_an_unchanged_month_answers_304(client: Browser, session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, NINE, clock.now(), name="Nightly scan")
    client.login("viewer")
    answer = client.htmx("GET", f"{PATH}?month=2030-01")
    assert re.match(r'<section id="month"', answer.text.lstrip())
    again = client.htmx("GET", f"{PATH}?month=2030-01", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and not session.scalar(sa.select(sa.func.count()).select_from(Slot))
