"""What is reached by Tab can be seen; larger letters and wider lines cut nothing off; no colour and no motion lose nothing."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.pages.conftest import Open
from tests.pages.looking import task
from tests.pages.test_every_page import TOO_WIDE
from webapp.tasks.models import Task

HIDDEN = """() => {
  const el = document.activeElement
  if (el === document.body) return null
  const box = el.getClientRects()[0] ?? el.getBoundingClientRect()
  const at = document.elementFromPoint(box.x + Math.min(box.width / 2, 40), box.y + box.height / 2)
  const ring = [el, ...el.labels ?? [], el.parentElement, el.nextElementSibling].filter(Boolean)
    .some(each => parseFloat(getComputedStyle(each).outlineWidth) >= 2 && getComputedStyle(each).outlineStyle !== 'none')
  const inside = at && (el.contains(at) || at.contains(el) || [...el.labels ?? []].some(label => label.contains(at)))
  const name = `${el.tagName}#${el.id} ${el.textContent.trim().slice(0, 30)}`
  return { name, wrong: !inside ? 'covered or outside' : !ring ? 'no ring' : '' }
}"""
WIDER = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
p { margin-block-end: 2em !important }"""
# Names that are cut with an ellipsis are whole on the page they lead to; those of a clip carry them all along.
CUT = """() => [...document.querySelectorAll('main *, header *')].filter(el => {
  const look = getComputedStyle(el)
  return el.childElementCount === 0 && el.textContent.trim() && el.offsetParent && look.textOverflow !== 'ellipsis'
    && !el.closest('.clip, .sr, svg, .scroll, pre, .log, select, option') && /hidden|clip/.test(look.overflow)
    && (el.scrollWidth > el.clientWidth + 1 || el.scrollHeight > el.clientHeight + 1)
}).map(el => el.outerHTML.slice(0, 150))"""


def places(app: Flask) -> list[str]:
    return ["/", "/tasks", f"/tasks/{task(app, Task.status == 'failed')}", "/tasks/new"]


@pytest.mark.parametrize("place", range(4))
def test_every_stop_of_the_tab_key_is_seen(app: Flask, open_as: Open, place: int) -> None:
    page = open_as("operator", viewport={"width": 1280, "height": 700}).new_page()
    page.goto(places(app)[place])
    found = []
    for _ in range(70):
        page.keyboard.press("Tab")
        found.append(page.evaluate(HIDDEN))
        if found[-1] is None:
            break
    assert len(found) > 20
    assert not [stop for stop in found if stop and stop["wrong"]]


def test_the_bar_for_the_selection_covers_no_focused_row(open_as: Open) -> None:
    page = open_as("operator", viewport={"width": 1280, "height": 500}).new_page()
    page.goto("/tasks")
    page.locator("input[name=ids]").first.check()
    found = []
    for _ in range(60):
        page.keyboard.press("Tab")
        found.append(page.evaluate(HIDDEN))
    assert not [stop for stop in found if stop and stop["wrong"]]


@pytest.mark.parametrize(("width", "css"), [(1280, WIDER), (640, "")])  # a window of 1280 pixels at 200 % has 640
def test_larger_and_wider_text_is_not_cut(app: Flask, open_as: Open, width: int, css: str) -> None:
    page = open_as("operator", bypass_csp=True, viewport={"width": width, "height": 800}).new_page()
    wrong = {}
    for place in places(app):
        page.goto(place)
        if css:
            page.add_style_tag(content=css)
        if found := [*page.evaluate(CUT), *page.evaluate(TOO_WIDE)]:
            wrong[place] = found
    assert not wrong


def test_without_colours_of_ours_every_control_has_an_edge(app: Flask, open_as: Open) -> None:
    page = open_as("operator", forced_colors="active", reduced_motion="reduce").new_page()
    for place in places(app):
        page.goto(place)
        bare = page.evaluate("""() => [...document.querySelectorAll('.btn:not(.quiet), input:not([type=hidden]), select, .badge')]
          .filter(el => el.offsetParent && !/none|0px/.test(getComputedStyle(el).display)
            && parseFloat(getComputedStyle(el).borderTopWidth) === 0 && el.type !== 'search'
            && !['checkbox', 'radio'].includes(el.type)).map(el => el.outerHTML.slice(0, 120))""")
        assert not bare, place


def times(page: Page) -> list[str]:
    return [str(text) for text in page.locator("main time[data-abs]").all_inner_texts()]


def test_times_are_told_in_the_readers_zone(app: Flask, open_as: Open) -> None:
    uuid = task(app, Task.status == "failed")
    told = []
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        page = open_as("operator", timezone_id=zone).new_page()
        page.goto(f"/tasks/{uuid}?tab=details")
        expect(page.locator("main time").first).to_be_visible()
        told.append((page.evaluate("[...document.querySelectorAll('main time')].map(el => el.dateTime)"), times(page)))
    assert told[0][0] == told[1][0] == told[2][0]
    assert len({str(words) for _, words in told}) == 3
