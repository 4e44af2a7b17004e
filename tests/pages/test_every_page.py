"""Every page, seen once: axe finds nothing, it fits a phone and a desk, and it still would in a longer language.

axe looks in one theme and width by default, in all with MUSTER_FULL=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page, ViewportSize

from tests.cast import Cast
from tests.pages.addresses import pages
from tests.pages.conftest import Open

FULL = bool(os.environ.get("MUSTER_FULL"))
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1280, 375)] if FULL else [("light", 1280)]
PARTS = 4  # so that several processes share the work
PHONE: ViewportSize = {"width": 320, "height": 640}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
TOO_WIDE = """() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll('body *')].filter(el => el.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 4).map(el => el.outerHTML.slice(0, 160)) : []"""
# What a translation does to a page: every text of ours becomes two fifths longer, words as much as sentences.
LONGER = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = []
  while (texts.nextNode()) found.push(texts.currentNode)
  for (const node of found) {
    const text = node.data.trim()
    if (!text || !/[a-z]/i.test(text) || node.parentElement.closest('pre, code, .log, [hx-ignore], script, option, time')) continue
    const more = 'åéîøüñß '.repeat(9).slice(0, Math.ceil(text.length * .4))
    node.data = node.data.replace(text, text.length > 20 ? `${text} ${more}` : text + more.replaceAll(' ', 'ö'))
  }
}"""
SPILT = """() => [...document.querySelectorAll('main :is(.btn, .badge, .chip, label, h1, h2, th, legend, summary, dt)')]
  .filter(el => el.offsetParent && !el.closest('.scroll, .log, .sr, .pills, .menu:not([open]) .menuitems')
    && (el.getBoundingClientRect().right > (el.closest('.panel, .tile, .field, td, th, dialog, main').getBoundingClientRect().right + 1)))
  .map(el => el.outerHTML.slice(0, 150))"""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_a_page_is_accessible_and_fits(
    app: Flask, open_as: Open, cast: Cast, theme: str, width: int, part: int
) -> None:
    page = open_as("admin", color_scheme=theme, viewport=PHONE, reduced_motion="reduce").new_page()
    found: list[str] = []
    for url in pages(app, cast.acme)[part::PARTS]:
        if visited(page, url):
            found += judged(page, {"width": width, "height": 900})
    assert not found, "\n".join(found)


def judged(page: Page, desk: ViewportSize) -> Iterator[str]:
    """The page has come to a phone; on one it ends, ready for the next."""
    yield from told(page, "scrolls sideways", TOO_WIDE)
    page.set_viewport_size(desk)
    yield from problems(page)
    page.evaluate(LONGER)
    for size in (desk, PHONE):
        page.set_viewport_size(size)
        yield from told(page, "scrolls sideways with longer words", TOO_WIDE)
        yield from told(page, "spills longer words", SPILT)


def told(page: Page, words: str, question: str) -> list[str]:
    width = page.viewport_size["width"]  # type: ignore[index]
    return [f"{page.url} at {width}: {words}: {html}" for html in page.evaluate(question)]


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
