"""A list that asks again by itself never takes anything away from who is using it."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.cast import Cast
from tests.pages.looking import change, get, poll, task
from tests.tasks import made
from webapp import clock
from webapp.tasks import lifecycle
from webapp.tasks.models import Task

STATE = """() => ({
  checked: [...document.querySelectorAll('input[name=ids]:checked')].map(box => box.id),
  opened: [...document.querySelectorAll('tr.x')].map(row => row.id),
  focus: document.activeElement.id, from: document.activeElement.selectionStart, to: document.activeElement.selectionEnd,
  typed: document.activeElement.value, at: scrollY, selected: String(getSelection()),
})"""


def cancel_one(app: Flask, page: Page) -> None:
    """A row of the list changes."""
    uuid = task(app, Task.status == "pending", Task.what.in_(["uptime", "df -h"]))
    change(app, lambda: lifecycle.cancel(get(uuid), made.ANN, clock.now()))
    poll(page)
    expect(page.locator(f"#t-{uuid} .badge")).to_have_text("Cancelled")


@pytest.fixture
def tasks(page: Page) -> Page:
    page.set_viewport_size({"width": 1280, "height": 500})
    page.goto("/tasks")
    return page


@pytest.mark.parametrize("focus", ["top-q", "row"])
def test_two_polls_with_changes_keep_all_that_the_reader_did(app: Flask, tasks: Page, focus: str) -> None:
    failed = task(app, Task.status == "failed")
    for row in tasks.locator("input[name=ids]").all()[2:4]:
        row.check()
    tasks.locator(f"#m-{failed}").click()
    expect(tasks.locator(f"#peek-{failed}")).to_be_visible()
    if focus == "row":
        tasks.locator(f"#a-{failed}").focus()
    else:
        tasks.locator("#top-q").fill("half typed")
        tasks.evaluate("document.getElementById('top-q').setSelectionRange(2, 6)")
    tasks.evaluate("scrollTo(0, 150)")
    before = tasks.evaluate(STATE)
    assert len(before["checked"]) == 2 and before["at"] == 150 and before["opened"]
    for _ in range(2):
        cancel_one(app, tasks)
        assert tasks.evaluate(STATE) == before


def test_a_reload_keeps_what_was_selected(tasks: Page) -> None:
    tasks.locator("input[name=ids]").nth(1).check()
    tasks.reload()
    expect(tasks.locator("input[name=ids]").nth(1)).to_be_checked()
    expect(tasks.locator("[data-count]")).to_have_text("1 selected")


def test_nothing_new_is_answered_with_nothing(tasks: Page) -> None:
    assert poll(tasks).status == 304


def test_a_hidden_tab_sends_nothing_and_asks_once_it_is_seen(page: Page) -> None:
    page.clock.install()
    page.goto("/tasks")
    page.wait_for_load_state("networkidle")  # or what is on its way would run into its time limit
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/tasks?" in request.url else None)
    hide(page, True)
    page.clock.run_for(120_000)
    assert not sent
    with page.expect_response("**/tasks*"):
        hide(page, False)
    assert len(sent) == 1


def hide(page: Page, hidden: bool) -> None:
    look = str(hidden).lower()
    page.evaluate(f"Object.defineProperty(document, 'hidden', {{ get: () => {look}, configurable: true }})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_new_rows_are_announced_and_shown_when_asked_for(app: Flask, cast: Cast, tasks: Page) -> None:
    rows = tasks.locator("#tasks tbody tr").count()
    new = change(app, lambda: made.task(cast.acme).uuid)
    poll(tasks)
    expect(tasks.locator(".newrows .pill")).to_have_text("1 new · Show")
    assert tasks.locator("#tasks tbody tr").count() == rows
    tasks.locator(".newrows .pill").click()
    expect(tasks.locator(f"#t-{new}")).to_be_visible()
    expect(tasks.locator(".newrows")).to_have_count(0)


def test_with_the_live_tail_new_rows_come_by_themselves(app: Flask, cast: Cast, tasks: Page) -> None:
    with tasks.expect_response("**/me/prefs"):
        tasks.locator("input[data-tail]").check()
    new = change(app, lambda: made.task(cast.acme).uuid)
    poll(tasks)
    expect(tasks.locator(f"#t-{new}")).to_be_visible()
    expect(tasks.locator(".newrows")).to_have_count(0)


def test_who_was_signed_out_is_told_and_keeps_the_page(tasks: Page) -> None:
    tasks.locator("#top-q").fill("not yet sent")
    tasks.context.clear_cookies()
    poll(tasks)
    expect(tasks.locator("#notice-session")).to_contain_text("You were signed out")
    expect(tasks.locator("#top-q")).to_have_value("not yet sent")
    assert tasks.locator("#notice-session a").get_attribute("href") == "/login?next=%2Ftasks"


def test_a_failing_server_leaves_the_rows_alone(tasks: Page) -> None:
    rows = tasks.locator("#tasks tbody tr").count()
    tasks.route("**/tasks**", broken)
    for _ in range(2):
        poll(tasks)
    expect(tasks.locator("#notice-poll")).to_contain_text("Updates stopped at")
    assert tasks.locator("#tasks tbody tr").count() == rows
    tasks.unroute("**/tasks**", broken)
    tasks.get_by_role("button", name="Retry now").click()
    expect(tasks.locator("#notice-poll")).to_have_count(0)


def broken(route: Route) -> None:
    route.fulfill(status=500, body="<h1>Traceback</h1>", content_type="text/html")


def test_pausing_is_announced_and_remembered(tasks: Page) -> None:
    tasks.locator("h1").click()
    with tasks.expect_response("**/me/prefs"):
        tasks.keyboard.press("p")
    expect(tasks.locator("#status")).to_have_text("Live updates paused")
    tasks.reload()
    expect(tasks.locator("#live")).to_have_value("0")


def test_single_tasks_in_groups_keep_it_all_too_and_follow_the_tail(app: Flask, cast: Cast, tasks: Page) -> None:
    tasks.locator("#group summary").click()
    tasks.get_by_role("link", name="By agent").click()
    expect(tasks.locator("#tasks .group").first).to_be_visible()
    tasks.locator(".sizes a", has_text="100").click()
    tasks.wait_for_url("**/tasks?group_by=agent&per=100")
    failed = task(app, Task.status == "failed")
    tasks.locator("input[name=ids]").nth(2).check()
    tasks.locator(f"#m-{failed}").click()
    expect(tasks.locator(f"#peek-{failed}")).to_be_visible()
    before = tasks.evaluate(STATE)
    cancel_one(app, tasks)
    assert tasks.evaluate(STATE) == before
    new = change(app, lambda: made.task(cast.acme).uuid)
    poll(tasks)
    expect(tasks.locator("#new-tasks")).to_be_visible()
    tasks.locator("[data-none]").click()
    tasks.locator(f"#m-{failed}").click()
    tasks.locator("#tail").check()
    tasks.evaluate("scrollTo(0, 0)")
    poll(tasks)
    expect(tasks.locator(f"#t-{new}")).to_be_visible()
