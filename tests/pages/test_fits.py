"""Small windows, and looks that the reader's system asks for."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.cast import Cast
from tests.pages.addresses import pages
from tests.pages.conftest import Open
from tests.pages.looking import task
from tests.pages.test_accessible import visited
from webapp.tasks.models import Task

TOO_WIDE = """() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll('body *')].filter(el => el.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 4).map(el => el.outerHTML.slice(0, 160)) : []"""


@pytest.mark.parametrize("half", [0, 1])
def test_no_page_scrolls_sideways_at_320(app: Flask, open_as: Open, cast: Cast, half: int) -> None:
    page = open_as("admin", viewport={"width": 320, "height": 640}).new_page()
    wide = {url: page.evaluate(TOO_WIDE) for url in pages(app, cast.acme)[half::2] if visited(page, url)}
    assert not {url: found for url, found in wide.items() if found}


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


@pytest.mark.parametrize("width", [320, 1280])
def test_longer_words_fit(app: Flask, open_as: Open, cast: Cast, width: int) -> None:
    page = open_as("admin", viewport={"width": width, "height": 800}).new_page()
    wrong = {}
    for url in pages(app, cast.acme):
        if visited(page, url):
            page.evaluate(LONGER)
            wrong[url] = [*page.evaluate(TOO_WIDE), *page.evaluate(SPILT)]
    assert not {url: found for url, found in wrong.items() if found}


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
