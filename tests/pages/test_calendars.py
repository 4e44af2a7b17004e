"""Calendars in a browser: filled by hand and from a file, looked at by year, and what they do to a schedule."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.schedules import made
from webapp import clock
from webapp.calendars import lifecycle
from webapp.db import unit, within

YEAR = clock.now().year + 1
EVENTS = f"""BEGIN:VEVENT
DTSTART;VALUE=DATE:{YEAR}0104
SUMMARY:Move\\, both floors
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=Europe/Amsterdam:{YEAR}0628T220000
DTEND;TZID=Europe/Amsterdam:{YEAR}0629T020000
RRULE:FREQ=YEARLY;COUNT=2
SUMMARY:Night of the party
END:VEVENT
"""


@pytest.fixture
def page(open_as: Open) -> Page:
    return open_as("admin").new_page()


@pytest.fixture
def office(app: Flask, cast: Cast) -> str:
    with unit(app, "test"), within(cast.acme):
        calendar = lifecycle.create(lifecycle.Draft("Office", "skip", [5, 6]), made.ANN, clock.now())
        return f"/calendars/{calendar.id}"


def send(page: Page, events: str) -> None:
    content = f"BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n".replace("\n", "\r\n").encode()
    file = {"name": "office.ics", "mimeType": "text/calendar", "buffer": content}
    page.locator("#dates-form [name=file]").set_input_files(files=[file])
    page.locator("#dates-form button").click()


def days(page: Page) -> Locator:
    return page.locator(".year [data-tone]")


def test_dates_come_from_a_file_or_are_refused_as_a_whole(page: Page, office: str) -> None:
    page.goto(f"{office}?year={YEAR}")
    send(page, EVENTS + "BEGIN:VEVENT\nDTSTART:20271301\nEND:VEVENT\n")
    expect(page.locator("#dates-errors")).to_contain_text("Line 14: There is no month 13")
    expect(page).to_have_title(re.compile("^Error: "))
    expect(days(page)).to_have_count(0)
    send(page, EVENTS)
    expect(page.locator("#notices")).to_contain_text("5 dates added")
    page.get_by_role("link", name=str(YEAR), exact=True).first.click()
    expect(page.locator("#h-year")).to_have_text(str(YEAR))
    expect(days(page)).to_have_text(["4 Move, both floors", "28 Night of the party", "29 Night of the party"])
    expect(page.locator("#days tbody tr")).to_have_count(3)
    page.get_by_label(str(YEAR + 1)).click()
    expect(page.locator("#h-days")).to_contain_text(f"Days off in {YEAR + 1}")
    expect(days(page)).to_have_count(2)
    page.go_back()
    expect(page.locator("#h-year")).to_have_text(str(YEAR))


def test_a_day_off_skips_a_run_or_moves_it(page: Page, office: str) -> None:
    today = clock.now().date()
    monday = today + timedelta(days=14 - today.weekday())
    page.goto(office)
    page.locator("#dates-form [name=dates]").fill(f"{monday}..{monday} Inventory")
    page.get_by_role("button", name="Add dates").click()
    expect(page.locator("#notices")).to_contain_text("1 date added")

    page.goto("/tasks/schedules/new?when=weekly")
    page.locator("#name").fill("Every Monday")
    page.locator("#calendar").select_option(label="Office")
    skipped = page.locator("#preview li.off")
    expect(skipped).to_contain_text("Inventory: skipped")
    expect(skipped).to_contain_text(told(monday))
    page.locator("#schedule .formend .primary").click()
    expect(page.locator("#ahead tr.muted")).to_contain_text("Inventory: skipped")
    schedule = page.url

    page.goto(office)
    expect(page.get_by_role("heading", name="Will skip").locator("..")).to_contain_text("Every Monday")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("radio", name="Run on the next working day instead").check()
    page.locator("#calendar .primary").click()
    expect(page.get_by_role("heading", name="Will skip or move")).to_be_visible()

    page.goto(schedule)
    moved = page.locator("#ahead tr", has_text=f"moved here from {monday}")
    expect(moved).to_contain_text(told(monday + timedelta(days=1)))
    expect(page.locator("#ahead tr.muted")).to_have_count(0)


def test_one_that_is_followed_stays(page: Page, app: Flask, cast: Cast, office: str) -> None:
    with unit(app, "test"):
        made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, clock.now(), name="Backup", calendar="Office")
    page.goto(office)
    page.get_by_role("button", name="Delete").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts")).to_contain_text("Backup follows this calendar")
    expect(page.locator("h1")).to_have_text("Office")


def told(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
