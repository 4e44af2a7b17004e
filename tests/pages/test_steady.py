"""Hours of refreshing: nothing jumps, nothing leaks, nobody is told of what they did not ask for."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.looking import begin, change, fail, get, held, poll, task
from tests.pages.seeded import printed
from tests.tasks import made
from webapp import events
from webapp.config import Settings
from webapp.db import db
from webapp.tasks.models import Task

POLLS = 360 if os.environ.get("MUSTER_FULL") else 40
WATCH_SHIFTS = """() => { window.shifts = []
  new PerformanceObserver(list => list.getEntries().forEach(e => e.hadRecentInput || window.shifts.push(e.value)))
    .observe({ type: 'layout-shift' }) }"""
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WATCH_WORDS = """() => { window.told = []
  for (const region of document.querySelectorAll('[role=status], [role=alert], [aria-live=polite]'))
    new MutationObserver(() => window.told.push(region.id + ': ' + region.textContent.trim()))
      .observe(region, { childList: true, characterData: true, subtree: true }) }"""


def test_nothing_jumps_while_rows_change_fail_and_come(app: Flask, cast: Cast, page: Page) -> None:
    waiting = change(app, lambda: held(cast.acme, 40))
    page.goto("/tasks?per=100")
    page.evaluate(WATCH_SHIFTS)
    for taken in waiting[:3]:
        change(app, lambda taken=taken: begin(taken))  # type: ignore[misc]
        poll(page)
        change(app, lambda taken=taken: (fail(taken), made.task(cast.acme)))  # type: ignore[misc]
        poll(page)
        expect(page.locator(f"#t-{taken.task.uuid} .badge")).to_have_text("Failed")
        page.evaluate(FRAMES)
    expect(page.locator(".newrows .pill")).to_be_visible()
    assert round(sum(page.evaluate("shifts")), 4) == 0  # a hair's breadth of a rounded line is none


def test_silent_refreshes_tell_nobody(app: Flask, cast: Cast, page: Page) -> None:
    waiting = change(app, lambda: held(cast.acme, 2))
    page.goto("/tasks")
    page.evaluate(WATCH_WORDS)
    for taken in waiting:
        change(app, lambda taken=taken: begin(taken))  # type: ignore[misc]
        poll(page)
        expect(page.locator(f"#t-{taken.task.uuid} .badge")).to_have_text("Running")
    assert page.evaluate("told") == []
    page.locator("input[name=ids]").first.check()
    assert page.evaluate("told.length") == 1


def test_hours_of_polling_keep_nothing(app: Flask, cast: Cast, page: Page) -> None:
    page.goto("/tasks")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def held() -> dict[str, float]:
        devtools.send("HeapProfiler.collectGarbage")
        return {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}

    def many(times: int) -> None:
        for _ in range(times):
            change(app, lambda: (db.session.scalar(sa.select(Task.id).limit(1)), events.touch(cast.acme)))
            poll(page)
        page.evaluate(FRAMES)

    many(5)
    before = held()
    many(POLLS)
    after = held()
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 5_000_000
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 20
    assert after["Nodes"] <= before["Nodes"] * 1.5


@pytest.mark.parametrize("tab", ["notes", "output"])
def test_a_running_task_takes_nothing_away(app: Flask, cast: Cast, page: Page, settings: Settings, tab: str) -> None:
    uuid = task(app, Task.status == "executing")
    if tab == "output":
        change(app, lambda: printed(get(uuid), settings.data, b"".join(b"line %d\n" % n for n in range(400))))
    page.goto(f"/tasks/{uuid}?tab={tab}")
    if tab == "notes":
        page.locator("#note-text").fill("half a thought")
        page.evaluate("document.getElementById('note-text').setSelectionRange(4, 9)")
    else:
        expect(page.locator("#L401")).to_be_in_viewport()
        page.locator("#out").evaluate("log => { log.scrollTop = 200 }")
        expect(page.locator("[data-follow]")).to_have_text("Paused")
    state = """() => [document.activeElement.id, document.activeElement.value, document.activeElement.selectionEnd,
      document.getElementById('out')?.scrollTop, scrollY]"""
    before = page.evaluate(state)
    for percent in (60, 80):
        change(app, lambda percent=percent: progress(uuid, percent))  # type: ignore[misc]
        poll(page)
        expect(page.locator("#progress")).to_contain_text(f"{percent} %")
        assert page.evaluate(state) == before


def progress(uuid: str, percent: int) -> None:
    db.session.execute(sa.update(Task).where(Task.uuid == uuid).values(progress=percent))
    events.touch(get(uuid).organization_id)


def test_an_open_dialog_stays_open_over_a_list_that_changes(app: Flask, cast: Cast, page: Page) -> None:
    (taken,) = change(app, lambda: held(cast.acme, 1))
    page.goto("/tasks")
    page.keyboard.press("c")
    page.locator("#inputs").fill("half typed")
    change(app, lambda: begin(taken))
    poll(page)
    expect(page.locator(f"#t-{taken.task.uuid} .badge")).to_have_text("Running")
    expect(page.locator("#dialog")).to_be_visible()
    expect(page.locator("#inputs")).to_be_focused()
    expect(page.locator("#inputs")).to_have_value("half typed")
