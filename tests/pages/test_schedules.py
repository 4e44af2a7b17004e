"""Schedules in a browser: the form that tells what it will do, and what a row's buttons do."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.schedules import made
from webapp import clock
from webapp.db import unit
from webapp.schedules.models import Schedule

NINE = {"kind": "times", "at": ["09:00"]}


@pytest.fixture
def nightly(app: Flask, cast: Cast) -> int:
    with unit(app, "test"):
        return made.schedule(cast.acme, NINE, clock.now(), name="Nightly scan").id


def stored(app: Flask) -> list[tuple[str, str]]:
    with unit(app, "test") as session:
        return [(each.name, each.text) for each in session.query(Schedule).order_by(Schedule.id)]


def test_the_words_follow_what_is_chosen_and_typed(page: Page) -> None:
    page.goto("/tasks/new?when=times")
    said = page.locator("#preview .said")
    expect(said).to_have_text(re.compile("Every day at 09:00"))
    page.locator("#times_at").fill("07:30, 19:30")
    expect(said).to_have_text(re.compile("Every day at 07:30 and 19:30"))
    expect(page.locator("#preview li")).to_have_count(6)
    page.get_by_role("radio", name="Weekly").check()
    expect(page.locator(".of-weekly")).to_be_visible()
    expect(page.locator(".of-times")).to_be_hidden()
    expect(said).to_have_text(re.compile("Every Monday at 09:00"))
    page.locator("#timezone").fill("Europe/Amsterdam")
    expect(said).to_have_text("Every Monday at 09:00 Europe/Amsterdam")
    page.get_by_role("radio", name="Cron").check()
    page.locator("#cron_expr").fill("61 * * * *")
    expect(page.locator("#preview")).to_contain_text("minutes go from 0 to 59")


def test_typing_goes_on_while_the_preview_comes(page: Page) -> None:
    page.goto("/tasks/new?when=cron")
    page.locator("#cron_expr").press_sequentially("*/5 8-17 * * 1-5", delay=60)
    expect(page.locator("#cron_expr")).to_have_value("*/5 8-17 * * 1-5")
    expect(page.locator("#cron_expr")).to_be_focused()
    expect(page.locator("#preview .said")).to_contain_text("Every 5 minutes on weekdays")


def test_a_schedule_is_made_in_the_dialog(app: Flask, page: Page) -> None:
    page.goto("/tasks/schedules")
    page.keyboard.press("c")
    dialog = page.locator("#dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(".formend .if-later")).to_be_visible()
    dialog.locator("#name").fill("From the dialog")
    dialog.locator("#times_at").fill("noon")
    dialog.locator(".formend .primary").click()
    expect(page.locator("#times_at-error")).to_be_visible()
    expect(dialog.locator("#name")).to_have_value("From the dialog")
    dialog.locator("#times_at").fill("12:00")
    dialog.locator(".formend .primary").click()
    expect(page).to_have_url(re.compile(r"/tasks/schedules/\d+$"))
    expect(page.locator("h1")).to_have_text("From the dialog")
    assert stored(app) == [("From the dialog", "Every day at 12:00 UTC")]


def test_pausing_changes_the_row_and_can_be_undone(page: Page, nightly: int) -> None:
    page.goto("/tasks/schedules")
    row = page.locator(f"#t-{nightly}")
    row.get_by_role("button", name="Pause").click()
    expect(row.locator(".badge")).to_have_text("Paused")
    expect(row.get_by_role("button", name="Resume")).to_be_focused()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row.locator(".badge")).to_have_text("Active")


def test_pausing_with_a_reason_in_the_dialog(page: Page, nightly: int) -> None:
    page.goto(f"/tasks/schedules/{nightly}")
    page.locator(".pagehead").get_by_role("link", name="Pause").click()
    dialog = page.locator("#dialog")
    dialog.locator("[name=reason]").fill("The office moves")
    dialog.locator("[name=resume_at]").fill("2099-01-05T09:00")
    dialog.locator(".primary").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".banner")).to_contain_text("The office moves")


def test_what_runs_is_chosen_as_for_a_new_task_and_edited_again(page: Page) -> None:
    page.goto("/tasks/schedules/new")
    page.locator("#name").fill("Uptime")
    page.get_by_role("radio", name="Shell command").check()
    page.locator("#command").fill("uptime")
    page.get_by_role("radio", name="Anyone").check()
    page.get_by_role("radio", name="Cron").check()
    page.locator("#cron_expr").fill("0 6 * * 1")
    expect(page.locator("#name")).to_have_value("Uptime")
    page.locator("#schedule .formend .primary").click()
    expect(page.locator("h1")).to_have_text("Uptime")
    page.locator(".pagehead").get_by_role("link", name="Edit").click()
    expect(page.locator("#command")).to_have_value("uptime")
    expect(page.get_by_role("radio", name="Anyone")).to_be_checked()
    expect(page.locator("#cron_expr")).to_have_value("0 6 * * 1")


def test_a_box_that_is_ticked_stays_ticked(app: Flask, page: Page) -> None:
    """By default or by hand, also when the form comes back; what is left as it was is not stored."""
    page.goto("/tasks/schedules/new?when=times")
    expect(page.locator("#p_colours")).to_be_checked()
    page.locator("#p_fail").check()
    page.locator("#times_at").fill("noon")
    page.locator("#schedule .formend .primary").click()
    expect(page.locator("#times_at-error")).to_be_visible()
    expect(page.locator("#p_colours")).to_be_checked()
    expect(page.locator("#p_fail")).to_be_checked()
    page.locator("#times_at").fill("12:00")
    page.locator("#schedule .formend .primary").click()
    expect(page.locator("h1")).to_have_text("Demo")
    assert kwargs(app) == {"fail": True}
    page.locator(".pagehead").get_by_role("link", name="Edit").click()
    page.locator("#p_colours").uncheck()
    page.locator("#schedule .formend .primary").click()
    expect(page.locator("#notices")).to_contain_text("was saved")
    assert kwargs(app) == {"fail": True, "colours": False}


def kwargs(app: Flask) -> dict[str, object]:
    with unit(app, "test") as session:
        found: dict[str, object] = session.query(Schedule).one().spec["data"]["kwargs"]
        return found


def test_the_schedules_stand_below_the_tasks(page: Page, nightly: int) -> None:
    page.goto("/tasks")
    expect(page.locator("#schedules")).to_contain_text("Every day at 09:00")
    page.locator("#schedules").get_by_role("link", name="Nightly scan").click()
    expect(page.locator("h1")).to_have_text("Nightly scan")


def test_run_now_shows_up_on_the_page(page: Page, nightly: int) -> None:
    page.goto(f"/tasks/schedules/{nightly}")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator(".toast")).to_contain_text("was started")
    expect(page.locator("#past tbody tr")).to_have_count(1)
    expect(page.locator("#past")).to_contain_text("Started by oscar")


def test_deleting_asks_in_a_dialog(app: Flask, open_as: Open, nightly: int) -> None:
    page = open_as("admin").new_page()
    page.goto(f"/tasks/schedules/{nightly}")
    page.locator("#more summary").click()
    page.get_by_role("link", name="Delete…").click()
    expect(page.locator("#dialog")).to_contain_text("deleting cannot be undone")
    page.locator("#dialog").get_by_role("button", name="Delete schedule").click()
    expect(page).to_have_url(re.compile("/tasks/schedules$"))
    expect(page.locator("#notices")).to_contain_text("Nightly scan was deleted")


def test_without_a_script_every_kind_can_be_chosen_and_previewed(app: Flask, open_as: Open) -> None:
    page = open_as("operator", java_script_enabled=False).new_page()
    page.goto("/tasks/new?when=times")
    page.get_by_role("radio", name="Monthly").check()
    page.locator("#monthly_at").fill("02:00")
    page.get_by_role("button", name="Update").click()
    expect(page.locator("#preview")).to_contain_text("On day 1 of each month at 02:00")
    page.locator("#new-task .formend .primary").click()
    expect(page.locator("h1")).to_have_text("Demo")
    assert stored(app) == [("Demo", "On day 1 of each month at 02:00 UTC")]


def test_pausing_without_a_script(open_as: Open, nightly: int) -> None:
    page = open_as("operator", java_script_enabled=False).new_page()
    page.goto("/tasks/schedules")
    page.locator(f"#t-{nightly}").get_by_role("button", name="Pause").click()
    expect(page.locator(f"#t-{nightly} .badge")).to_have_text("Paused")


def test_the_month_is_filtered_and_a_day_opened_from_the_keyboard(page: Page, nightly: int) -> None:
    page.goto("/tasks/schedules/month?month=2030-01")
    expect(page.locator("#month li")).to_have_count(31)
    page.locator("#q").fill("nothing")
    expect(page.locator("#month")).to_contain_text("Nothing runs in January 2030.")
    page.locator("#q").fill("nightly")
    page.locator("#day-16").press("Enter")
    expect(page.locator("#day")).to_contain_text("Wednesday 16 January 2030")
    expect(page.locator("#d-" + str(nightly))).to_contain_text("1 to come")
    assert "month=2030-01" in page.url and "q=nightly" in page.url
