"""axe finds nothing, on every page: one theme and width by default, all with MUSTER_FULL=1."""

from __future__ import annotations

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page

from tests.cast import Cast
from tests.pages.addresses import pages
from tests.pages.conftest import Open

FULL = bool(os.environ.get("MUSTER_FULL"))
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 375)] if FULL else [("light", 1280)]
PARTS = 4  # so that several processes share the work
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_axe_finds_nothing(app: Flask, open_as: Open, cast: Cast, theme: str, width: int, part: int) -> None:
    looks = {"color_scheme": theme, "viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    page = open_as("admin", **looks).new_page()
    found = [problem for url in pages(app, cast.acme)[part::PARTS] if visited(page, url) for problem in problems(page)]
    assert not found, "\n".join(found)


def visited(page: Page, url: str) -> bool:
    """Whether it is a whole page: fragments are looked at where they belong, files not at all."""
    response = page.context.request.get(url, max_redirects=0)
    if (
        300 <= response.status < 400
        or not response.headers.get("content-type", "").startswith("text/html")
        or "<html" not in response.text()
    ):
        return False
    page.goto(url, wait_until="load")
    return True


def problems(page: Page) -> list[str]:
    answer = Axe().run(page, options=RULES).response
    return [
        f"{page.url}: {violation['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for violation in answer["violations"]
        for node in violation["nodes"][:3]
    ]
