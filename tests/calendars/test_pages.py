"""The pages of calendars: made from a country, filled by hand or from a file, looked at by year."""

from __future__ import annotations

import io
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.schedules import made
from webapp import clock
from webapp.access.models import Audit
from webapp.calendars import lifecycle
from webapp.calendars.days import Day
from webapp.calendars.models import Calendar, CalendarDay
from webapp.db import within

NEW = {"name": "Office", "policy": "skip", "weekend": ["5", "6"]}
ICS = (
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270104\r\nSUMMARY:Move\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def office(session: Session, cast: Cast) -> Calendar:
    with within(cast.acme):
        calendar = lifecycle.create(lifecycle.Draft("Office", "skip", [5, 6]), made.ANN, clock.now())
    session.commit()
    return calendar


def dates(session: Session) -> list[tuple[date, str, str]]:
    rows = sa.select(CalendarDay).order_by(CalendarDay.date).execution_options(populate_existing=True)
    return [(row.date, row.name, row.source) for row in session.scalars(rows)]


def test_made_from_a_country_with_its_source(client: Browser, session: Session) -> None:
    form = NEW | {"country": "GB", "subdivision": "SCT", "first": "2026", "last": "2027"}
    answer = client.login("admin").post("/calendars", data=form)
    calendar = session.scalars(sa.select(Calendar)).one()
    assert answer.location == f"/calendars/{calendar.id}"
    first = dates(session)[0]
    assert first[0].year == 2026 and first[2].startswith("United Kingdom, Scotland (holidays ")
    assert "New Year" in client.get(f"/calendars/{calendar.id}?year=2026").text
    assert "2026–2027" in client.get("/calendars").text


def test_the_parts_of_a_country_are_asked_for(client: Browser) -> None:
    client.login("admin")
    assert "Scotland" in client.htmx("GET", "/calendars/parts?country=GB").text
    assert "Scotland" in client.get("/calendars/new?country=GB").text
    assert "Scotland" in client.post("/calendars", data=NEW | {"country": "GB", "change": "1"}).text


def test_own_dates_and_files(client: Browser, session: Session, office: Calendar) -> None:
    path = f"/calendars/{office.id}"
    client.login("admin").post(f"{path}/dates", data={"dates": "2026-12-24..2026-12-26 Closed\n2027-01-01"})
    sent = {"file": (io.BytesIO(ICS), "move.ics")}
    client.post(f"{path}/dates", data=sent, content_type="multipart/form-data")
    assert [(str(day), name, source) for day, name, source in dates(session)] == [
        ("2026-12-24", "Closed", "Own date"), ("2026-12-25", "Closed", "Own date"), ("2026-12-26", "Closed", "Own date"),
        ("2027-01-01", "", "Own date"), ("2027-01-04", "Move", "move.ics"),
    ]  # fmt: skip
    client.post(f"{path}/remove", data={"date": ["2026-12-24", "2027-01-01"]})
    assert len(dates(session)) == 3
    actions = session.scalars(sa.select(Audit.action).where(Audit.action.startswith("calendar.")).order_by(Audit.id))
    assert list(actions) == ["calendar.create", "calendar.add", "calendar.add", "calendar.remove"]


def test_public_holidays_are_added_to_what_is_there(client: Browser, session: Session, office: Calendar) -> None:
    form = {"country": "NL", "first": "2026", "last": "2026"}
    answer = client.login("admin").post(f"/calendars/{office.id}/holidays", data=form, follow_redirects=True)
    assert "dates added" in answer.text and "Netherlands" in answer.text
    again = client.post(f"/calendars/{office.id}/holidays", data=form, follow_redirects=True)
    assert "0 dates added" in again.text and "were there already" in again.text


@pytest.mark.parametrize(("typed", "text"), [
    ({"dates": "2026-02-30 Never"}, "Line 1: 30 February 2026 does not exist"),
    ({"dates": "2026-12-26..2026-12-24"}, "The range ends before it begins"),
    ({"dates": ""}, "Enter a date"),
])  # fmt: skip
def test_what_cannot_be_read_is_told_and_nothing_is_taken(
    client: Browser, session: Session, office: Calendar, typed: dict[str, str], text: str
) -> None:
    answer = client.login("admin").post(f"/calendars/{office.id}/dates", data=typed)
    assert answer.status_code == 422 and text in answer.text and typed["dates"] in answer.text
    assert dates(session) == []


def test_a_file_that_is_none(client: Browser, session: Session, office: Calendar) -> None:
    sent = {"file": (io.BytesIO(b"hello"), "x.ics")}
    answer = client.login("admin").post(f"/calendars/{office.id}/dates", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 422 and "is not a line of the form NAME:value" in answer.text


def test_what_it_takes_and_who_follows_it(client: Browser, session: Session, cast: Cast, office: Calendar) -> None:
    now = clock.now()
    with within(cast.acme):
        lifecycle.add(office, [Day(date.fromordinal(now.toordinal() + 3), "Move")], lifecycle.OWN, made.ANN, now)
    made.schedule(cast.acme, {"kind": "times", "at": ["09:00", "10:00"]}, now, name="Backup", calendar="Office")
    page = client.login("viewer").get(f"/calendars/{office.id}").text
    assert "Will skip" in page and "2 runs on" in page and "Backup" in page
    assert "Add dates" not in page and "Edit" not in page


def test_one_that_is_followed_is_not_deleted(client: Browser, session: Session, cast: Cast, office: Calendar) -> None:
    schedule = made.schedule(
        cast.acme, {"kind": "times", "at": ["09:00"]}, clock.now(), name="Backup", calendar="Office"
    )
    answer = client.login("admin").htmx("POST", f"/calendars/{office.id}/delete")
    assert answer.status_code == 409 and "Backup follows this calendar" in answer.headers["HX-Trigger"]
    made.lifecycle.delete(schedule, made.ANN, clock.now())
    session.commit()
    assert client.post(f"/calendars/{office.id}/delete").location == "/calendars"
    assert client.get(f"/calendars/{office.id}").status_code == 404


def test_an_edit_is_a_new_version_and_a_stale_one_is_refused(
    client: Browser, session: Session, office: Calendar
) -> None:
    path, form = f"/calendars/{office.id}", NEW | {"version": str(office.version), "policy": "next_working_day"}
    client.login("admin")
    assert client.post(path, data=form | {"name": "Closed days"}).status_code == 303
    stale = client.post(path, data=form | {"name": "Late"})
    assert stale.status_code == 409 and "changed this calendar meanwhile" in stale.text and 'value="Late"' in stale.text
    session.refresh(office)
    assert (office.name, office.policy, office.changed_at is not None) == ("Closed days", "next_working_day", True)


def test_names_are_taken_once(client: Browser, session: Session, office: Calendar) -> None:
    answer = client.login("admin").post("/calendars", data=NEW)
    assert answer.status_code == 422 and "There is a calendar" in answer.text and "already" in answer.text


def test_nothing_yet(client: Browser) -> None:
    page = client.login("viewer").get("/calendars").text
    assert "No calendars." in page and "New calendar" not in page
