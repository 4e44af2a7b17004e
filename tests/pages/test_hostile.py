"""What programs and people write is text: it is shown, and nothing of it acts. The listeners would tell of a script."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.looking import begin, change, get, held, poll, task
from tests.pages.seeded import HOSTILE, printed
from webapp.config import Settings
from webapp.tasks.models import Task

PLACES = ["main img", "main script", "main b:text('host')", "#out-lines [hx-get]", "main [href^='javascript:']"]


def quiet(page: Page) -> None:
    for place in PLACES:
        expect(page.locator(place)).to_have_count(0)


def test_in_output(app: Flask, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/tasks/{task(app, Task.status == 'failed')}")
    expect(page.locator("#out-lines")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#out-lines")).to_contain_text("end of the bomb")
    expect(page.locator("#out-lines .a-31").first).to_have_text("red")
    quiet(page)
    assert page.title().endswith("Muster") and "owned" not in page.title()
    assert not [url for url in asked if url.endswith("/login")]
    assert len(page.content()) < 2_000_000


def test_in_one_line_without_end(app: Flask, cast: Cast, page: Page, settings: Settings) -> None:
    taken = change(app, lambda: held(cast.acme, 1))[0]
    change(app, lambda: begin(taken))
    change(app, lambda: printed(get(taken.task.uuid), settings.data, b"<script>alert(1)</script>" * 400_000))
    page.goto(f"/tasks/{taken.task.uuid}")
    expect(page.locator("#out-lines")).to_contain_text("alert(1)")
    quiet(page)
    assert len(page.content()) < 2_000_000


def test_in_notes(app: Flask, page: Page) -> None:
    page.goto(f"/tasks/{task(app, Task.status == 'failed')}?tab=notes")
    page.locator("#note-new textarea").fill(f"{HOSTILE} [click](javascript:alert(4)) <a href=javascript:alert(5)>x</a>")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#thread > li")).to_have_count(2)
    expect(page.locator("#thread")).to_contain_text("<script>alert(1)</script>")
    quiet(page)


def test_in_names_and_hosts(app: Flask, page: Page) -> None:
    uuid = task(app, Task.what.contains("<script>"))
    for url in ("/tasks", f"/tasks/{uuid}", f"/tasks/{uuid}?tab=details", "/agents", "/adhoc/", "/"):
        page.goto(url)
        if page.locator("body [data-live]").count():
            poll(page)
        quiet(page)


def test_in_addresses(page: Page) -> None:
    page.goto("/tasks?q=%3Cscript%3Ealert(1)%3C/script%3E%22%20hx-get=/login")
    expect(page.locator("#q")).to_have_value('<script>alert(1)</script>" hx-get=/login')
    quiet(page)
