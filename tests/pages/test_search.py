"""The state of a list is its address: typed, gone back to, reloaded, shared."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.pages.conftest import Open

ROWS = "() => [...document.querySelectorAll('#tasks tbody tr')].map(row => row.id)"


def search(page: Page, text: str) -> list[str]:
    with page.expect_response(lambda r: f"q={text[:6]}" in r.url):
        page.locator("#q").press_sequentially(text, delay=5)
    expect(page).to_have_url(re.compile(re.escape(text)))
    return list(page.evaluate(ROWS))


def test_typing_asks_once_and_the_address_tells_all(page: Page, open_as: Open) -> None:
    page.goto("/tasks")
    every = page.evaluate(ROWS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    failed = search(page, "status:failed")
    assert len(asked) == 1 and 0 < len(failed) < len(every)

    page.go_back()
    expect(page.locator("#q")).to_have_value("")
    assert page.evaluate(ROWS) == every
    page.go_forward()
    expect(page.locator("#q")).to_have_value("status:failed")
    assert page.evaluate(ROWS) == failed
    page.reload()
    assert page.evaluate(ROWS) == failed

    other = open_as("viewer").new_page()
    other.goto(page.url)
    assert other.evaluate(ROWS) == failed


def test_a_word_that_is_no_filter_is_told_and_the_rows_stay(page: Page) -> None:
    page.goto("/tasks")
    every = page.evaluate(ROWS)
    page.locator("#q").press_sequentially("status:nonsense")
    expect(page.locator("#q-msg")).not_to_be_empty()
    assert page.evaluate(ROWS) == every
    page.locator("#q").fill("")
    expect(page.locator("#q-msg")).to_be_empty()
