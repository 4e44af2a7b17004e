"""The page of one task while it runs."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.cast import Cast
from tests.pages.looking import ASK, change, get, how_many, poll, started, task
from tests.pages.seeded import printed
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task


def test_stop_it_and_watch_it_end(app: Flask, page: Page, cast: Cast) -> None:
    uuid = task(app, Task.status == "executing")
    page.goto(f"/tasks/{uuid}")
    page.get_by_role("button", name="Terminate", exact=True).click()
    expect(page.locator("#confirm-title")).to_have_text("Stop this task?")
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text("Stopping it")
    expect(page.locator("#heading .badge")).to_have_text("Cancelling")
    expect(page.get_by_role("button", name="Terminate", exact=True)).to_have_count(0)


def test_its_output_and_end_arrive_by_themselves(app: Flask, page: Page, cast: Cast, settings: Settings) -> None:
    taken = started(app, cast)
    page.goto(f"/tasks/{taken.task.uuid}")
    more(app, settings.data, taken, b"the first line\n")
    poll(page)
    expect(page.locator("#out-lines")).to_contain_text("the first line")
    more(app, settings.data, taken, b"and the second\n")
    poll(page)
    expect(page.locator("#out-lines .l")).to_have_count(2)
    end = End(0, stdout_size=30)
    change(app, lambda: lifecycle.finish(get(taken.task.uuid), taken.lease, made.WORKER, clock.now(), end))
    poll(page)
    expect(page.locator("#heading .badge")).to_have_text("Completed")
    expect(page.locator("#out-lines .l")).to_have_count(2)


def test_output_that_comes_after_its_box_has_left_is_dropped(
    app: Flask, page: Page, cast: Cast, settings: Settings
) -> None:
    taken, held = started(app, cast), list[Route]()
    page.goto(f"/tasks/{taken.task.uuid}")
    page.route("**/log?*", lambda route: held.append(route))
    more(app, settings.data, taken, b"too late\n")
    with page.expect_request("**/log?*"):
        page.evaluate(ASK)
    page.locator("#out").evaluate("box => box.remove()")
    with page.expect_response("**/log?*"):
        held[0].continue_()
    page.evaluate("new Promise(requestAnimationFrame)")  # the `page` fixture fails on any error the answer brought


def more(app: Flask, data: Path, taken: Claimed, text: bytes) -> None:
    change(app, lambda: printed(get(taken.task.uuid), data, text))


def test_a_note_that_was_refused_keeps_its_words(app: Flask, page: Page) -> None:
    uuid = task(app, Task.status == "failed")
    page.goto(f"/tasks/{uuid}?tab=notes")
    page.locator("#note-new textarea").fill("   ")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#note-errors")).to_be_focused()
    page.locator("#note-new textarea").fill("Look at the **disk**")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#thread")).to_contain_text("Look at the disk")
    expect(page.locator("#note-new textarea")).to_have_value("")


def test_names_are_offered_behind_an_at(app: Flask, page: Page) -> None:
    page.goto(f"/tasks/{task(app, Task.status == 'failed')}?tab=notes")
    note = page.locator("#note-text")
    note.press_sequentially("Ask @")
    expect(page.locator("#members [role=option]")).not_to_have_count(0)
    note.press_sequentially("al")
    expect(page.locator("#members [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    note.press_sequentially("or @b")
    expect(page.locator("#members [aria-selected=true]")).to_contain_text("@bea")
    page.keyboard.press("Escape")
    expect(page.locator("#members")).to_have_count(0)
    page.keyboard.press("Backspace")
    note.press_sequentially("o")
    page.locator("#members [role=option]", has_text="oscar").click()
    expect(note).to_have_value("Ask @alice or @oscar ")
    expect(note).to_be_focused()
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#thread").get_by_role("link", name="@alice")).to_have_attribute(
        "href", "/tasks?mentions=alice"
    )


def test_a_double_click_makes_one_attempt(app: Flask, page: Page) -> None:
    uuid = task(app, Task.status == "failed")
    before = how_many(app)
    page.goto(f"/tasks/{uuid}")
    page.get_by_role("button", name="Retry", exact=True).dblclick()
    expect(page.locator("#notices")).to_contain_text("Retry 1 is queued")
    assert how_many(app) == before + 1


def test_a_double_click_runs_a_command_once(app: Flask, page: Page) -> None:
    before = how_many(app, Task.trigger == "adhoc")
    page.goto("/adhoc/")
    page.locator("#command").fill("hostname")
    page.get_by_label("web-1", exact=False).first.check()
    page.locator("#run").dblclick()
    expect(page.locator("#adhoc-run")).to_be_visible()
    assert how_many(app, Task.trigger == "adhoc") == before + 1


def test_the_zone_of_a_tasks_times_is_chosen_there(app: Flask, page: Page) -> None:
    there = f"/tasks/{task(app, Task.status == 'failed')}"
    page.goto(there)
    page.locator("#facts").get_by_role("button", name="UTC").click()
    expect(page.locator("#facts time").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))
    page.locator("#facts").get_by_role("button", name="mine").click()
    expect(page.locator("#facts time[data-abs]").first).to_be_visible()
