"""Everything can be done without JavaScript."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import PASSWORD, Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, how_many, task
from tests.tasks import made
from webapp.tasks.models import Task


@pytest.fixture
def plain(open_as: Open) -> Page:
    return open_as("operator", java_script_enabled=False).new_page()


def test_sign_in(open_as: Open) -> None:
    page = open_as(java_script_enabled=False).new_page()
    page.goto("/tasks?q=status:failed")
    page.get_by_label("User name").fill("oscar")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#q")).to_have_value("status:failed")


def test_filter_and_turn_pages(app: Flask, plain: Page, cast: Cast) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(26)])
    plain.goto("/tasks")
    first = plain.locator("#tasks tbody tr").first.get_attribute("id")
    plain.locator("#page-older").click()
    expect(plain.locator(f"#{first}")).to_have_count(0)
    plain.locator("#page-newer").click()
    expect(plain.locator(f"#{first}")).to_be_visible()
    plain.locator("#q").fill("status:failed")
    plain.get_by_role("button", name="Filter", exact=True).click()
    assert set(plain.locator("#tasks .badge").all_text_contents()) == {"Failed"}


def test_run_a_command(app: Flask, plain: Page) -> None:
    plain.goto("/adhoc/")
    plain.locator("#command").fill("hostname")
    plain.get_by_label("web-1", exact=False).first.check()
    plain.get_by_role("button", name="Run", exact=True).click()
    expect(plain.locator("#adhoc-run")).to_contain_text("web-1")
    assert how_many(app, Task.trigger == "adhoc") == 1


def test_read_output_and_write_a_note(app: Flask, plain: Page) -> None:
    plain.goto(f"/tasks/{task(app, Task.status == 'failed')}")
    expect(plain.locator("#out")).to_contain_text("the disk is full")
    plain.locator("#tab-notes").click()
    plain.locator("#note-new textarea").fill("The disk was **full**")
    plain.get_by_role("button", name="Add note").click()
    expect(plain.locator("#thread")).to_contain_text("The disk was full")


def test_make_a_task_and_run_it_again(app: Flask, plain: Page) -> None:
    before = how_many(app)
    plain.goto("/tasks/new?plugin=demo")
    plain.locator("#inputs").fill("without a script")
    plain.locator("#new-task .formend .primary").click()
    expect(plain.locator("#heading")).to_contain_text("without a script")
    plain.goto(f"/tasks/{task(app, Task.status == 'completed')}")
    plain.get_by_role("button", name="Reschedule", exact=True).click()
    expect(plain.locator("#notices")).to_contain_text("queued again as a new task")
    assert how_many(app) == before + 2


def test_try_it_again(app: Flask, plain: Page) -> None:
    plain.goto(f"/tasks/{task(app, Task.status == 'failed')}")
    plain.get_by_role("button", name="Retry", exact=True).click()
    expect(plain.locator("#heading .badge")).to_have_text("Queued")
    expect(plain.locator("#heading")).to_contain_text("Retry 1")


def test_make_a_schedule_pause_it_and_go_on(plain: Page) -> None:
    plain.goto("/tasks/new?plugin=demo&when=times")
    plain.locator("#inputs").fill("every morning")
    plain.locator("#name").fill("Without a script")
    plain.locator("#times_at").fill("25:00")
    plain.locator("#new-task .formend .primary").click()
    expect(plain.locator("#times_at-error")).to_be_visible()
    expect(plain.locator("#name")).to_have_value("Without a script")
    plain.locator("#times_at").fill("07:30")
    plain.locator("#new-task .formend .primary").click()
    expect(plain.locator("main")).to_contain_text("Every day at 07:30 UTC")
    plain.goto("/tasks/schedules")
    plain.get_by_role("button", name="Pause", exact=True).click()
    expect(plain.locator("main .badge").first).to_have_text("Paused")
    plain.get_by_role("button", name="Resume", exact=True).click()
    expect(plain.locator("main .badge").first).to_have_text("Active")


def test_cancel_what_was_ticked(app: Flask, plain: Page, cast: Cast) -> None:
    change(app, lambda: [made.task(cast.acme) for _ in range(2)])
    waiting = how_many(app, Task.status == "pending")
    plain.goto("/tasks")
    for number in range(2):
        plain.locator("input[name=ids]").nth(number).check()
    plain.get_by_role("button", name="Cancel", exact=True).click()
    expect(plain.locator("h1")).to_be_visible()
    assert how_many(app, Task.status == "pending") == waiting - 2


def test_export_what_was_ticked(app: Flask, plain: Page) -> None:
    plain.goto("/tasks?q=status:failed")
    plain.locator("input[name=ids]").first.check()
    plain.locator("#bulk-export summary").click()
    with plain.expect_download() as begun:
        plain.get_by_role("button", name="Export CSV").click()
    assert begun.value.path().read_text().count(",failed,") == 1
