"""Many rows at once: those that were ticked, and all that match."""

from __future__ import annotations

import json
import os

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.looking import change, how_many, poll
from tests.tasks import made
from webapp import clock
from webapp.tasks.bulk import operations
from webapp.tasks.models import Task

MANY = 10_000 if os.environ.get("MUSTER_FULL") else 1_200
WAITING = Task.status == "pending"


def confirm(page: Page) -> None:
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_have_count(1)


def test_cancel_what_was_ticked(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(3)])
    waiting = how_many(app, WAITING)
    page.goto("/tasks")
    for number in range(2):
        page.locator("input[name=ids]").nth(number).check()
    expect(page.locator("[data-count]")).to_have_text("2 selected")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#confirm-title")).to_have_text("Cancel 2 tasks?")
    confirm(page)
    assert how_many(app, WAITING) == waiting - 2
    expect(page.locator("[data-count]")).to_have_text("")
    expect(page.locator("#tasks tbody tr").nth(0).locator(".badge")).to_have_text("Cancelled")


def test_saying_no_changes_nothing(app: Flask, page: Page) -> None:
    before = how_many(app, WAITING)
    page.goto("/tasks?q=status:pending")
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    poll(page)
    assert how_many(app, WAITING) == before


def test_cancel_all_that_match(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(30)])
    total = how_many(app, WAITING)
    page.goto("/tasks?q=status:pending")
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name=f"Select all {total} that match").click()
    expect(page.locator("[data-count]")).to_have_text(f"{total} selected")
    page.get_by_role("button", name="Cancel", exact=True).click()
    confirm(page)
    assert how_many(app, WAITING) == 0
    page.goto("/tasks?q=status:pending")
    expect(page.locator("#tasks .empty")).to_be_visible()
    assert how_many(app, Task.status == "executing") == 1


def test_hundreds_are_confirmed_with_their_number_and_done_in_sight(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: (made.tasks(cast.acme, list("abc") * 200), [made.task(cast.acme) for _ in range(30)]))
    total = how_many(app, WAITING)
    page.goto("/tasks?q=status:pending")
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name=f"Select all {total} that match").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#confirm-yes")).to_be_disabled()
    page.locator("#confirm-word").fill(str(total))
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text(f"{total} tasks are being cancelled")
    page.locator("#toasts .toast").get_by_role("link", name="Show").click()
    expect(page.locator("#operation")).to_contain_text(f"of {total}")
    assert how_many(app, WAITING) == total
    for done in (200, 400):
        change(app, lambda: operations.advance(clock.now()))
        poll(page)
        expect(page.locator("#operation")).to_contain_text(f"{done} cancelled")


def test_thousands_are_done_to_the_last_one(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: (made.tasks(cast.acme, list("ab") * (MANY // 2)), [made.task(cast.acme) for _ in range(30)]))
    total = how_many(app, WAITING)
    page.goto("/tasks?q=status:pending")
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name=f"Select all {total:,} that match").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("#confirm-word").fill(str(total))
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text(f"{total:,} tasks are being cancelled")
    page.locator("#toasts .toast").get_by_role("link", name="Show").click()
    while how_many(app, WAITING):
        change(app, lambda: operations.advance(clock.now()))
    poll(page)
    told = f"{total:,}".replace(",", "\u202f")
    expect(page.locator("#operation")).to_contain_text(f"{told} cancelled, 0 not, of {told}")


def test_more_than_was_shown_is_asked_again(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(30)])
    page.goto("/tasks?q=status:pending")
    waiting = how_many(app, WAITING)
    page.locator("[data-select-page]").check()
    page.get_by_role("button", name=f"Select all {waiting} that match").click()
    change(app, lambda: [made.task(cast.acme) for _ in range(10)])
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text(f"{waiting + 10} match")
    assert how_many(app, WAITING) == waiting + 10


def test_what_is_selected_becomes_a_file_and_stays_selected(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(30)])
    total = how_many(app, WAITING)
    page.goto("/tasks?q=status:pending")
    for tick, expected in (("input[name=ids] >> nth=1", 1), ("[data-select-page]", 25), ("[data-all]", total)):
        page.locator(tick).click()
        page.locator("#bulk-export summary").click()
        with page.expect_download() as begun:
            page.get_by_role("button", name="Export JSON").click()
        assert len(json.loads(begun.value.path().read_text())) == expected
    expect(page.locator("[data-count]")).to_have_text(f"{total} selected")
