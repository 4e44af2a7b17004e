"""From signing in to a note, without a pointer; the focus is never lost."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import PASSWORD
from tests.pages.conftest import Open
from tests.pages.looking import how_many, task
from webapp.tasks.models import Task

FOCUS = "() => document.activeElement.id || document.activeElement.textContent.trim() || document.activeElement.tagName"


def tab_to(page: Page, text: str) -> None:
    """Tab until something with this id or text has the focus."""
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUS))
        if seen[-1] == text:
            return
    raise AssertionError(f"{text} is not reached: {seen}")


def test_find_a_failed_task_read_it_run_it_again_and_say_why(app: Flask, open_as: Open) -> None:
    failed = task(app, Task.status == "failed")
    page = open_as().new_page()
    page.goto("/tasks")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("oscar")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()

    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("status:failed")
    expect(page.locator("#tasks tbody tr")).to_have_count(1)
    tab_to(page, f"m-{failed}")
    page.keyboard.press("e")
    expect(page.locator(f"#peek-{failed}")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("f")
    expect(page.locator(f"#a-{failed}")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#out")).to_contain_text("the disk is full")
    tab_to(page, "out")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('.l') !== null")
    before = how_many(app)
    page.get_by_role("button", name="Retry", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#notices")).to_contain_text("Retry 1 is queued")
    assert how_many(app) == before + 1

    page.locator("#tab-notes").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#note-text")).to_be_visible()
    tab_to(page, "note-text")
    page.keyboard.type("The disk was full")
    tab_to(page, "Add note")
    page.keyboard.press("Enter")
    expect(page.locator("#thread")).to_contain_text("The disk was full")


def test_keys_can_be_looked_up_and_do_nothing_in_fields(page: Page) -> None:
    page.goto("/tasks")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#top-q").focus()
    page.keyboard.type("?gd")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("#top-q")).to_have_value("?gd")


def test_walk_the_rows_and_select_them(page: Page) -> None:
    page.goto("/tasks")
    for key in ("j", "j", "x", "j", "Shift+X"):
        page.keyboard.press(key)
    expect(page.locator("[data-count]")).to_contain_text("selected")
    assert page.locator("input[name=ids]:checked").count() == 2
    page.keyboard.press("Escape")
    expect(page.locator("input[name=ids]:checked")).to_have_count(0)


def test_the_palette_leads_anywhere(page: Page) -> None:
    page.goto("/tasks")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-q")).to_be_focused()
    page.keyboard.type("Agents")
    expect(page.locator("#palette-list a[aria-selected=true]")).to_contain_text("Agents")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Agents", exact=True)).to_be_visible()
