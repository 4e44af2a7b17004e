"""Times in pages: in the reader's own zone, through changes of the clock, and ageing without anything being asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, poll
from tests.tasks import made
from webapp.access import lifecycle
from webapp.access.models import User
from webapp.db import db
from webapp.tasks.models import Task

# Summer time begins at 01:00 UTC on 29 March and ends at 01:00 UTC on 25 October.
TOLD = {
    "2026-03-29T00:59:59": "29 Mar 2026, 00:59:59",
    "2026-03-29T01:00:00": "29 Mar 2026, 02:00:00",
    "2026-10-25T00:30:00": "25 Oct 2026, 01:30:00",
    "2026-10-25T01:30:00": "25 Oct 2026, 01:30:00",
    "2026-06-01T13:05:00": "1 Jun 2026, 14:05:00",
}


def created(app: Flask, cast: Cast, moments: list[str]) -> list[str]:
    def make() -> list[str]:
        tasks = [made.task(cast.acme) for _ in moments]
        for task, moment in zip(tasks, moments, strict=True):
            at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
            db.session.execute(sa.update(Task).where(Task.id == task.id).values(created_at=at))
        return [task.uuid for task in tasks]

    return list(change(app, make))


@pytest.mark.parametrize("locale", ["en-US", "nl-NL"])
def test_the_chosen_zone_counts_and_the_day_has_24_hours(app: Flask, cast: Cast, open_as: Open, locale: str) -> None:
    """Whatever zone, language and habit the browser has."""
    uuids = created(app, cast, list(TOLD))
    chosen = {"tz": "Europe/London", "times": "absolute"}
    change(app, lambda: lifecycle.prefer(db.session.get_one(User, cast.id("operator")), chosen))
    page = open_as("operator", timezone_id="Asia/Kolkata", locale=locale).new_page()
    page.goto("/tasks?per=100")
    for uuid, (moment, told) in zip(uuids, TOLD.items(), strict=True):
        shown = page.locator(f"#t-{uuid} .c-time time")
        expect(shown).to_have_text(told)
        shown.hover()
        utc = datetime.fromisoformat(moment)
        expect(shown).to_have_attribute("title", f"{told} · {utc.day} {utc:%b %Y, %H:%M:%S} UTC")


def test_ages_grow_and_the_page_stays_the_same(app: Flask, cast: Cast, open_as: Open) -> None:
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    (uuid,) = created(app, cast, [now.isoformat()])
    page = open_as("operator").new_page()
    page.clock.install(time=now.replace(tzinfo=UTC))
    page.goto("/tasks")
    shown, tag = page.locator(f"#t-{uuid} .c-time time"), page.locator("#tasks").get_attribute("data-tag")
    poll(page)
    expect(page.locator(".htmx-request")).to_have_count(0)  # or the leap is a timeout to them
    page.clock.fast_forward("10:00")
    expect(shown).to_have_text("10 min ago")
    assert poll(page).status == 304
    assert page.locator("#tasks").get_attribute("data-tag") == tag
