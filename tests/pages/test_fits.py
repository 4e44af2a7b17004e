"""Small windows, and looks that the reader's system asks for."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.pages.conftest import Open
from tests.pages.looking import task
from webapp.tasks.models import Task


def test_the_open_tab_is_in_sight_on_a_phone(app: Flask, open_as: Open) -> None:
    page = open_as("admin", viewport={"width": 375, "height": 400}).new_page()
    page.goto(f"/tasks/{task(app, Task.status == 'failed')}?tab=details")
    seen = page.locator(".tabs [aria-current]").evaluate("el => el.getBoundingClientRect()")
    assert seen["left"] >= 0 and seen["right"] <= 375
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("looks", [{"forced_colors": "active"}, {"reduced_motion": "reduce"}, {"color_scheme": "dark"}])
def test_other_looks_show_the_same(open_as: Open, looks: dict[str, Any]) -> None:
    page = open_as("operator", **looks).new_page()
    page.goto("/tasks")
    for status in ("Failed", "Completed", "Running", "Expired"):
        expect(page.locator(".badge", has_text=status).first).to_be_visible()
    if "reduced_motion" in looks:
        assert page.evaluate("document.getAnimations().filter(each => each.playState === 'running').length") == 0
