"""axe finds nothing in what opens either: rows, menus, dialogs, lists of offers, forms that come back, messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.pages.looking import task
from tests.pages.test_every_page import LOOKS, problems
from webapp.tasks.models import Task


def expand(page: Page) -> None:
    page.locator("#tasks [data-expand]").first.click()
    expect(page.locator("tr.x").first).not_to_have_text("Loading…")


def select(page: Page) -> None:
    page.locator("input[name=ids]").first.check()
    page.locator("#bulk-tag summary").click()


def confirm(page: Page) -> None:
    page.locator("input[name=ids]").first.check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#confirm")).to_be_visible()


def filter_menu(page: Page) -> None:
    page.locator("#f-status summary").click()
    expect(page.locator("#f-status input").first).to_be_visible()


def more_filters(page: Page) -> None:
    page.locator("#f-more summary").click()
    expect(page.locator("#f-more input").first).to_be_visible()


def user_menu(page: Page) -> None:
    page.locator("#user-menu summary").click()
    expect(page.locator("#theme-dark")).to_be_attached()


def row_menu(page: Page) -> None:
    page.locator("#tasks td.c-actions .menu summary").first.click()
    expect(page.locator("#tasks .menu[open] :is(a, button)").first).to_be_visible()


def palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.locator("#palette-q").fill("ag")
    expect(page.locator("#palette-list [role=option]").first).to_be_visible()


def keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def new_task(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.locator("#new-task")).to_be_visible()
    for more in page.locator("#new-task details:not(.menu) > summary:visible").all():
        more.click()


def refused(page: Page) -> None:
    page.keyboard.press("c")
    page.locator("#inputs").fill("")
    page.locator("#o_execution_timeout").evaluate("el => { el.value = 'soon' }")
    page.locator("#new-task .formend .primary").click()
    expect(page.locator("#new-task .errors")).to_be_visible()


def refused_filter(page: Page) -> None:
    page.locator("#q").fill("statsu:failed")
    expect(page.locator("#q-msg")).to_contain_text("Did you mean status?")


def message(page: Page) -> None:
    page.evaluate("htmx.trigger('body', 'toast', { text: 'It is done', undo: { url: '/', token: '' } })")
    expect(page.locator("#toasts .toast")).to_be_visible()


def offered(page: Page) -> None:
    page.locator("#note-text").press_sequentially("@")
    expect(page.locator("#members [role=option]").first).to_be_visible()


def task_menu(page: Page) -> None:
    page.locator("#task-menu summary").click()
    expect(page.locator("#task-menu :is(a, button)").first).to_be_visible()


LIST: list[Callable[[Page], None]] = [
    expand, select, confirm, filter_menu, more_filters, user_menu, row_menu, palette, keys, new_task, refused, refused_filter,
    message,
]  # fmt: skip


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_axe_finds_nothing_in_what_opens(app: Flask, open_as: Open, cast: Cast, theme: str, width: int) -> None:
    looks = {"color_scheme": theme, "viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    page = open_as("admin", **looks).new_page()
    failed = f"/tasks/{task(app, Task.status == 'failed')}"
    wrong = []
    on_the_list = LIST if width > 640 else [act for act in LIST if act is not expand]  # cards lead to the task instead
    for url, acts in (("/tasks", on_the_list), (failed, [task_menu]), (f"{failed}?tab=notes", [offered])):
        for act in acts:
            page.goto(url)
            act(page)
            # What an open menu covers in part is nobody's target before it closes.
            told = [problem for problem in problems(page) if "partially obscured" not in problem]
            wrong += [f"{act.__name__}: {problem}" for problem in told]
    assert not wrong, "\n".join(wrong)
