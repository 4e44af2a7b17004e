"""What cannot be loaded says so: a list that asks again keeps its rows, a row that is opened and a page tell what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, poll
from webapp import events
from webapp.db import db

BEYOND_THE_MENU = ["/tasks/schedules", "/tasks/schedules/upcoming", "/agents/enrolment/", "/me/tokens", "/me/sessions"]
ROWS = "[...document.querySelectorAll('main [data-live] :is(tr, li)[id]')].map(row => row.id)"


@contextmanager
def database_away(app: Flask, cast: Cast) -> Iterator[None]:
    """Its file cannot be opened, and what the broker keeps does not help: something has changed."""
    change(app, lambda: events.touch(cast.acme))
    with app.app_context():
        file = Path(db.engine.url.database or "")
        db.engine.dispose()
    aside = file.rename(file.with_suffix(".away"))
    file.mkdir()
    yield
    file.rmdir()
    aside.rename(file)


def visit(page: Page, url: str) -> None:
    """Until nothing more is on its way."""
    page.goto(url)
    expect(page.locator('main [hx-trigger="load"]')).to_have_count(0)


def lists(page: Page) -> list[str]:
    page.goto("/")
    menu = page.locator("#nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    return [*dict.fromkeys(href.partition("?")[0] for href in menu), *BEYOND_THE_MENU]


def test_each_list_that_asks_again_keeps_its_rows_and_says_so(app: Flask, open_as: Open, cast: Cast) -> None:
    page = open_as("admin").new_page()
    seen = []
    for url in lists(page):
        visit(page, url)
        if not page.locator("main [data-live]").count():
            continue
        seen.append(url)
        rows = page.evaluate(ROWS)
        with database_away(app, cast):
            assert [poll(page).status for _ in range(2)] == [503, 503], url
            expect(page.locator("#notice-poll"), url).to_contain_text("Updates stopped at")
        assert page.evaluate(ROWS) == rows, url
    assert len(seen) > 12


def test_a_row_that_is_opened_says_that_it_could_not_be_loaded(app: Flask, page: Page, cast: Cast) -> None:
    visit(page, "/tasks")
    with database_away(app, cast):
        page.locator("[data-expand]").first.click()
        expect(page.locator("tr.x")).to_have_text("This could not be loaded. Close it and open it again.")
        expect(page.locator("#toasts .toast")).to_contain_text("The database did not answer. Try again in 5 seconds")
    for _ in range(2):
        page.locator("[data-expand]").first.click()
    expect(page.locator("tr.x .peekfacts, tr.x table").first).to_be_visible()


def test_a_page_that_cannot_be_loaded_can_be_asked_for_again(app: Flask, page: Page, cast: Cast) -> None:
    with database_away(app, cast):
        page.goto("/tasks?q=status:failed")
        expect(page.locator("h1")).to_have_text("This page could not be loaded")
        expect(page.locator("main")).to_contain_text("The database did not answer. Try again in 5 seconds")
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#tasks tbody tr")).to_have_count(1)


def test_without_a_network_it_is_told_too(page: Page) -> None:
    page.clock.install()
    page.goto("/tasks")
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.clock.run_for(60_000)
    expect(page.locator("#notice-poll")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    page.clock.run_for(1_000)
    expect(page.locator("#notice-poll")).to_have_count(0)
