"""Two people look at the same things; one of them may only look."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.pages.conftest import Open
from tests.pages.looking import poll, task
from webapp.tasks.models import Task

ACTIONS = ["Cancel", "Retry", "Terminate", "Reschedule", "Run now", "Delete", "New task"]


def test_what_one_does_the_other_sees_with_the_next_poll(app: Flask, open_as: Open) -> None:
    uuid = task(app, Task.status == "pending", Task.what == "uptime")
    operator, viewer = open_as("operator").new_page(), open_as("viewer").new_page()
    for page in (operator, viewer):
        page.goto("/tasks")
        expect(page.locator(f"#t-{uuid} .badge")).to_have_text("Queued")
    operator.locator(f"#r-{uuid} summary").click()
    operator.locator(f"#do-{uuid}").get_by_role("button", name="Cancel").click()
    expect(operator.locator(f"#t-{uuid} .badge")).to_have_text("Cancelled")
    poll(viewer)
    expect(viewer.locator(f"#t-{uuid} .badge")).to_have_text("Cancelled")


@pytest.mark.parametrize("status", ["pending", "executing", "failed"])
def test_a_viewer_is_shown_nothing_to_press(app: Flask, open_as: Open, status: str) -> None:
    uuid = task(app, Task.status == status)
    page = open_as("viewer").new_page()
    for url in ("/tasks", f"/tasks/{uuid}"):
        page.goto(url)
        for menu in page.locator("details.menu").all():
            menu.evaluate("menu => { menu.open = true }")
        for name in ACTIONS:
            expect(page.locator("main").get_by_role("button", name=name, exact=True)).to_have_count(0)
            expect(page.locator("main").get_by_role("link", name=name, exact=True)).to_have_count(0)
