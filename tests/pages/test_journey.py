"""A morning's work without a pointer, in few keystrokes; what is typed does not count."""

from __future__ import annotations

import re

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import PASSWORD, Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, how_many
from tests.tasks import made
from webapp.tasks.models import Task

MOST = 60


class Hands:
    """Counts the keys, and looks after each swap that the focus is somewhere."""

    def __init__(self, page: Page) -> None:
        self.page, self.keys = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.keys += len(keys)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def tab_to(self, text: str, key: str = "Tab") -> None:
        now = "() => document.activeElement.id || document.activeElement.textContent.trim()"
        for _ in range(40):
            self.press(key)
            if self.page.evaluate(now) == text:
                return
        raise AssertionError(f"{text} is not reached")

    def holds(self) -> None:
        assert self.page.evaluate("document.activeElement !== document.body")


def test_read_a_failure_run_it_again_note_it_and_clear_the_queue(app: Flask, open_as: Open, cast: Cast) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(4)])
    page = open_as().new_page()
    hands = Hands(page)
    page.goto("/tasks")
    hands.type("oscar")
    hands.press("Tab")
    hands.type(PASSWORD)
    hands.press("Enter")
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()

    hands.press("/")
    hands.type("status:failed")
    expect(page.locator("#tasks tbody tr")).to_have_count(1)
    hands.press("Escape", "Tab", "f")
    hands.holds()
    hands.press("Enter")
    expect(page.locator("#out")).to_contain_text("the disk is full")

    hands.press("Tab", "Enter")  # past the menus
    expect(page.locator("#main")).to_be_focused()
    hands.tab_to("Reschedule")
    hands.press("Enter")
    expect(page.locator("#notices")).to_contain_text("queued again as a new task")

    hands.press("Tab", "Enter")
    hands.tab_to("tab-notes")
    hands.press("Enter")
    expect(page.locator("#note-text")).to_be_visible()
    hands.holds()
    hands.tab_to("note-text")
    hands.type("The disk was full")
    hands.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text("The disk was full")
    hands.holds()

    page.locator("h1").focus()
    hands.press("Tab", "g", "t")
    expect(page.get_by_role("heading", name="Tasks", exact=True)).to_be_visible()
    waiting = how_many(app, Task.status == "pending")
    hands.press("j", "j", "x", "j", "j", "Shift+X", "b")
    expect(page.locator("[data-count]")).to_have_text("3 selected")
    hands.holds()
    hands.press("Enter")
    expect(page.locator("#confirm-title")).to_have_text("Cancel 3 tasks?")
    hands.tab_to("confirm-yes")
    hands.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("3 cancelled")
    hands.holds()
    assert how_many(app, Task.status == "pending") == waiting - 3

    hands.press("g", "s")
    expect(page).to_have_url(re.compile("/tasks/schedules$"))
    hands.press("c")
    expect(page.locator("#dialog")).to_be_visible()
    hands.holds()
    assert hands.keys <= MOST, hands.keys
