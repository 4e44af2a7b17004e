"""New task, in its dialog: refused once, then made once."""

from __future__ import annotations

import re

from flask import Flask
from playwright.sync_api import Page, expect

from tests.pages.looking import how_many


def test_a_refused_form_keeps_what_was_typed_and_a_double_click_makes_one(app: Flask, page: Page) -> None:
    before = how_many(app)
    page.goto("/tasks")
    page.keyboard.press("c")
    expect(page.locator("#dialog")).to_be_visible()
    page.locator("#kind-execute_command").check()
    page.locator("#command").fill("echo kept")
    page.locator("#new-task .formend .primary").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#command")).to_have_value("echo kept")
    expect(page).to_have_title(re.compile("^Error: "))
    assert how_many(app) == before

    page.locator("#agent-options input").first.check()
    page.locator("#new-task .formend .primary").dblclick()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("#toasts .toast").first).to_be_visible()
    assert how_many(app) == before + 1


def test_leaving_a_form_with_words_in_it_asks_first(page: Page) -> None:
    page.goto("/tasks")
    page.get_by_role("link", name="New task").click()
    page.locator("#inputs").fill("half")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm-title")).to_have_text("Leave without saving?")
    page.locator("#confirm-yes").click()
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.get_by_role("link", name="New task")).to_be_focused()
