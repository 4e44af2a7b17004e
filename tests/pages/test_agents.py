"""The fleet in a browser: acts on several agents that are asked twice."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page, expect

from tests.pages.conftest import Open
from tests.pages.looking import how_many
from webapp.tasks.models import Task

UNINSTALLS = Task.type == "uninstall"


def test_agents_are_taken_off_their_hosts(app: Flask, open_as: Open) -> None:
    page = open_as("admin").new_page()
    page.goto("/agents?q=web-1")
    page.locator("input[name=ids]").check()
    page.locator("#bulk-uninstall summary").click()
    page.get_by_label("With program and files").check()
    page.locator("#bulk-uninstall button").click()
    expect(page.locator("#confirm-title")).to_have_text("Uninstall 1 agents?")
    assert how_many(app, UNINSTALLS) == 0
    page.locator("#confirm-yes").click()
    expect(page.locator("#toasts .toast")).to_contain_text("web-1 is asked to uninstall")
    expect(page.locator("[data-count]")).to_have_text("")
    assert how_many(app, UNINSTALLS) == 1


def test_what_the_menu_copies_follows_the_filter(page: Page) -> None:
    page.goto("/agents")
    page.locator("#q").fill("web")
    page.wait_for_url("**/agents?q=web")
    page.locator("#more summary").click()
    expect(page.get_by_role("button", name="Copy as CLI")).to_have_attribute("data-copy", "muster agents -q web")
    copied = page.get_by_role("button", name="Copy as API URL").get_attribute("data-copy") or ""
    assert copied.endswith("/api/v1/agents/?q=web") and copied.startswith(page.url.partition("/agents")[0])
