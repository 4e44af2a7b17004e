"""The bell counts with the polls of whatever page is open."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.looking import change, poll
from webapp import clock
from webapp.news import lifecycle
from webapp.news.kinds import Kind


def test_it_rings_and_falls_silent(app: Flask, page: Page, cast: Cast) -> None:
    page.goto("/tasks")
    bell = page.locator("#bell")
    expect(bell).to_have_attribute("data-n", "")
    told = lifecycle.item(cast.acme, cast.id("oscar"), Kind.BULK, 1, "Two refused", "/tasks", clock.now())
    change(app, lambda: lifecycle.tell([told]))
    poll(page)
    expect(bell).to_have_attribute("data-n", "1")
    expect(bell).to_have_accessible_name("Notifications, 1 unread")
    bell.click()
    page.get_by_role("button", name="Mark as read", exact=True).click()
    expect(bell).to_have_attribute("data-n", "")
    expect(page.get_by_role("link", name="Two refused")).to_be_visible()
