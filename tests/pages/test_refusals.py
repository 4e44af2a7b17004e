"""When something goes wrong the page says what, keeps what was typed, and leaves the list alone."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, get, how_many, task
from tests.tasks import made
from webapp import clock
from webapp.tasks import lifecycle
from webapp.tasks.models import Task

ANSWERS: dict[int, tuple[dict[str, str], str]] = {
    403: ({}, "your role does not allow it"),
    404: ({}, "this is gone"),
    429: ({"Retry-After": "12"}, "Not done"),
    500: ({"X-Request-Id": "5f2c91aa77"}, "Nothing was changed. Reference 5f2c91aa"),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_an_answer_without_words_is_told_and_the_rows_stay(page: Page, status: int) -> None:
    headers, words = ANSWERS[status]
    page.goto("/tasks")
    rows = page.locator("#tasks tbody tr").count()

    def answer(route: Route) -> None:
        route.fulfill(status=status, headers=headers | {"Content-Type": "text/html"}, body="<h1>Traceback</h1>")

    page.route("**/tasks/bulk", answer)
    page.locator("input[name=ids]").first.check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text(words)
    assert page.locator("#tasks tbody tr").count() == rows
    expect(page.locator("h1")).to_have_text("Tasks")
    expect(page.locator("[data-count]")).to_have_text("1 selected")


def test_without_a_network_it_says_so_and_keeps_all(page: Page) -> None:
    page.goto("/tasks")
    page.keyboard.press("c")
    page.locator("#inputs").fill("typed before the cable was pulled")
    page.context.set_offline(True)
    page.locator("#new-task .formend .primary").click()
    expect(page.locator("#toasts .toast")).to_contain_text("The server did not answer")
    expect(page.locator("#inputs")).to_have_value("typed before the cable was pulled")
    page.context.set_offline(False)


def test_too_late_is_told_with_how_it_is_now(app: Flask, page: Page) -> None:
    uuid = task(app, Task.status == "pending", Task.what == "uptime")
    page.goto(f"/tasks/{uuid}")
    change(app, lambda: lifecycle.cancel(get(uuid), made.ANN, clock.now()))
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#toasts .toast")).to_contain_text("finished before it could be cancelled")
    expect(page.locator("#heading .badge")).to_have_text("Cancelled")


def test_sent_twice_by_enter_and_again_by_back_it_is_one(app: Flask, open_as: Open) -> None:
    page = open_as("operator").new_page()
    before = how_many(app)
    page.goto("/tasks/new")
    page.locator("#inputs").fill("once")
    form = page.locator("#new-task")
    form.evaluate("form => { form.requestSubmit(); form.requestSubmit() }")
    expect(page).not_to_have_url("/tasks/new")
    page.go_back()
    expect(page.locator("#new-task")).to_be_visible()
    assert how_many(app) == before + 1


def test_switched_off_keys_do_nothing(page: Page) -> None:
    page.goto("/tasks")
    page.keyboard.press("?")
    with page.expect_response("**/me/prefs"):
        page.locator("#shortcuts-off").check()
    page.keyboard.press("Escape")
    for _ in range(2):
        page.locator("h1").click()
        for key in ("j", "x", "c", "/", "p", "?"):
            page.keyboard.press(key)
        expect(page.locator("dialog[open]")).to_have_count(0)
        expect(page.locator("input[name=ids]:checked")).to_have_count(0)
        assert page.evaluate("document.activeElement.id") in ("", "main")
        page.reload()


@pytest.mark.parametrize("modifier", ["Control", "Alt", "Meta"])
def test_keys_with_modifiers_are_the_browsers(page: Page, modifier: str) -> None:
    page.goto("/tasks")
    page.keyboard.press(f"{modifier}+x")
    page.keyboard.press(f"{modifier}+c")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("input[name=ids]:checked")).to_have_count(0)


def test_a_deleted_task_leads_to_the_list_and_back(app: Flask, open_as: Open) -> None:
    uuid = task(app, Task.status == "failed")
    page = open_as("admin").new_page()
    page.goto(f"/tasks/{uuid}")
    page.locator("#task-menu summary").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("was deleted")
    expect(page.locator(f"#t-{uuid}")).to_have_count(0)
    page.locator("#notices").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("is back")
    expect(page.locator("#notices .banner")).to_have_count(0)
    assert how_many(app, Task.uuid == uuid, Task.deleted_at.is_(None)) == 1


def test_a_tag_for_many(app: Flask, cast: Cast, page: Page) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(2)])
    page.goto("/tasks")
    for number in range(2):
        page.locator("input[name=ids]").nth(number).check()
    page.locator("#bulk-tag summary").click()
    page.locator("#bulk-tag-name").fill("quarter end")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .toast")).to_contain_text("2 tagged")
    tagged: Any = change(app, lambda: how_many(app, Task.tags != []))
    assert tagged == 2
