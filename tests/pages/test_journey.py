"""A morning's work without a pointer, in few keystrokes; what is typed does not count."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import PASSWORD, Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, how_many
from tests.tasks import made
from webapp.tasks.models import Task

MOST = 60

# What has the focus, when it can be seen that it has: a ring of two pixels, inside the window, under nothing.
FOCUS = """() => {
  const el = document.activeElement, style = getComputedStyle(el), box = el.getBoundingClientRect()
  const name = el.id || el.textContent.trim() || el.tagName
  if (el === document.body) return 'body: the focus is lost'
  if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) return `${name}: no ring`
  const top = document.elementFromPoint(box.left + Math.min(box.width, 20) / 2, box.top + Math.min(box.height, 20) / 2)
  return top && (el.contains(top) || top.contains(el)) ? '' : `${name}: covered or out of sight`
}"""


class Hands:
    """Counts the keys, and looks after each step that the focus is somewhere and can be seen."""

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

    def arrives(self, address: str) -> None:
        expect(self.page).to_have_url(address)
        self.page.wait_for_load_state()  # the keys mean something

    def sees(self, step: str) -> None:
        assert not self.page.evaluate(FOCUS), step


def test_read_a_failure_run_it_again_note_it_clear_the_queue_and_plan(app: Flask, open_as: Open, cast: Cast) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(4)])
    page = open_as().new_page()
    hands = Hands(page)

    page.goto("/tasks")
    hands.sees("login")
    hands.type("oscar")
    hands.press("Tab")
    hands.type(PASSWORD)
    hands.press("Enter")
    hands.arrives("/tasks")

    hands.press("/")
    hands.sees("search")
    hands.type("status:failed")
    expect(page.locator("#tasks tbody tr")).to_have_count(1)
    hands.press("Escape", "Tab", "f")
    hands.sees("the failed task")
    hands.press("Enter")
    expect(page.locator("#out")).to_contain_text("the disk is full")
    page.wait_for_load_state()

    hands.press(".")
    hands.sees("what can be done")
    hands.tab_to("Reschedule")
    hands.sees("the verb")
    hands.press("Enter")
    expect(page.locator("#notices")).to_contain_text("queued again as a new task")
    page.wait_for_load_state()

    hands.press("m")
    expect(page.locator("#note-text")).to_be_visible()
    hands.press("m")
    hands.sees("the note")
    hands.type("The disk was full")
    hands.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text("The disk was full")
    hands.sees("after the note")

    hands.press("Tab", "g", "t")
    hands.arrives("/tasks")
    waiting = how_many(app, Task.status == "pending")
    hands.press("j", "j", "x", "j", "j", "Shift+X", "b")
    expect(page.locator("[data-count]")).to_have_text("3 selected")
    hands.sees("the bulk bar")
    hands.press("Enter")
    expect(page.locator("#confirm-title")).to_have_text("Cancel 3 tasks?")
    hands.tab_to("confirm-yes")
    hands.sees("the question")
    hands.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("3 cancelled")
    hands.sees("after the bulk")
    assert how_many(app, Task.status == "pending") == waiting - 3

    hands.press("g", "s")
    hands.arrives("/tasks/schedules")
    hands.press("c")
    expect(page.locator("#dialog")).to_be_visible()
    hands.sees("the dialog")
    hands.type("every morning")
    hands.tab_to("times_at")
    hands.sees("the time")
    hands.press("Control+a")
    hands.type("07:30")
    hands.press("Enter")
    expect(page.locator("main")).to_contain_text("Every day at 07:30")
    assert hands.keys <= MOST, hands.keys
