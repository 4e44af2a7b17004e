"""The output viewer: where it opens, how it follows, how it leads to lines, finds and copies."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.cast import Cast
from tests.pages.conftest import Open
from tests.pages.looking import change, get, poll, started
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output

LINES = 1_000_000 if os.environ.get("MUSTER_FULL") else 100_000  # of 100 bytes
AT_END = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 40"


@pytest.fixture
def taken(app: Flask, cast: Cast) -> Claimed:
    return started(app, cast)


@pytest.fixture
def say(settings: Settings, taken: Claimed) -> Callable[[str], None]:
    folder: Path = output.folder(settings.data, taken.task.uuid)
    return lambda text: void(output.append(folder, "stdout", output.sizes(folder)["stdout"], text.encode(), at_ms=0))


def void(_size: int) -> None:
    pass


def lines(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def look(page: Page, taken: Claimed, more: str = "") -> None:
    """Until the viewer, which is loaded after the page, has taken over."""
    page.goto(f"/tasks/{taken.task.uuid}{more}")
    expect(page.locator("#out")).to_have_attribute("data-ts", re.compile("."))


def is_at_end(page: Page) -> bool:
    return bool(page.locator("#out").evaluate(AT_END))


def end(app: Flask, taken: Claimed, size: int) -> None:
    ended = End(0, stdout_size=size)
    change(app, lambda: lifecycle.finish(get(taken.task.uuid), taken.lease, made.WORKER, clock.now(), ended))


def test_a_long_output_opens_at_its_end_and_page_backwards(
    app: Flask, page: Page, taken: Claimed, say: Callable[[str], None]
) -> None:
    say(("0123456789" * 9 + "012345678\n") * LINES)
    end(app, taken, 100 * LINES)
    for _ in range(20):  # lines are counted for a quarter of a second at a time, and get no numbers until then
        look(page, taken)
        if page.locator(f"#L{LINES}").count():
            break
    expect(page.locator(f"#L{LINES}")).to_be_in_viewport()
    page.get_by_role("link", name="Load earlier").click()
    expect(page.locator(f"#L{LINES - 999}")).to_be_attached()
    expect(page.locator("#out-lines .l")).to_have_count(1000)
    assert not is_at_end(page)
    assert len(page.content()) < 2_000_000


def test_it_follows_until_the_reader_scrolls_up(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say(lines(1, 300))
    look(page, taken)
    expect(page.locator("#L300")).to_be_in_viewport()
    say(lines(301, 400))
    poll(page)
    expect(page.locator("#L400")).to_be_in_viewport()
    page.locator("#out").evaluate("log => { log.scrollTop = 0 }")
    expect(page.locator("[data-follow]")).to_have_text("Paused")
    say(lines(401, 500))
    poll(page)
    expect(page.locator("#L500")).to_be_attached()
    assert not is_at_end(page)
    page.get_by_role("button", name=re.compile("Resume · 100 new")).click()
    expect(page.locator("#L500")).to_be_in_viewport()
    expect(page.locator("[data-follow]")).to_have_text("Following")


def test_an_unfinished_line_is_replaced_when_it_grows(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say("one\nPassw")
    look(page, taken)
    say("ord: ")
    poll(page)
    expect(page.locator("#out-lines .l > span")).to_have_text(["one", "Password: "])


def test_a_group_that_goes_on_stays_one(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say("::group::Build\na\n")
    look(page, taken)
    say("b\n::endgroup::\nafter\n")
    poll(page)
    expect(page.locator("#out-lines .group .l > span")).to_have_text(["a", "b"])
    expect(page.locator("#out-lines .l > span")).to_have_text(["a", "b", "after"])


def test_a_link_to_a_line_opens_there(app: Flask, page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say(lines(1, 5000))
    end(app, taken, 53_893)
    look(page, taken, "#L700-L702")
    expect(page.locator("#L700")).to_be_in_viewport()
    expect(page.locator(".l[data-on]")).to_have_count(3)


def test_lines_and_ranges_are_chosen_by_click(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say(lines(1, 20))
    look(page, taken)
    page.locator("#L12 > a").click()
    assert page.url.endswith("#L12")
    page.locator("#L9 > a").click(modifiers=["Shift"])
    assert page.url.endswith("#L9-L12")
    expect(page.locator(".l[data-on]")).to_have_count(4)


def test_copy_is_without_numbers(open_as: Open, taken: Claimed, say: Callable[[str], None]) -> None:
    context = open_as("operator", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    say("one\n\x1b[31mtwo\x1b[0m\n")
    look(page, taken)
    page.get_by_role("button", name="Copy these lines").click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "one\ntwo"


def test_find_on_the_page_and_in_all_of_it(app: Flask, page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say("the needle\n" + lines(1, 2000) + "the needle again\n")
    end(app, taken, 30_000)
    look(page, taken)
    page.locator("#out-find").fill("needle")
    expect(page.locator(".find output")).to_have_text("1/1")
    expect(page.locator("#out-found li")).to_have_count(2)
    page.locator("#out-found li a").first.click()
    expect(page.locator("#L1")).to_be_in_viewport()


def test_fifty_thousand_lines(app: Flask, page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    text = "".join(f"line {n}{' with a needle' if n % 100 == 7 else ''}\n" for n in range(1, 50_001))
    say(text)
    end(app, taken, len(text))
    look(page, taken, "#L25000")
    expect(page.locator("#L25000")).to_be_in_viewport()
    assert len(page.content()) < 2_000_000
    page.locator("#out-find").fill("needle")
    count = page.locator(".find output")
    expect(count).to_have_text(re.compile("1/[1-9]"))
    expect(page.locator("#out-found")).to_contain_text("needle")
    page.locator("#out").focus()
    for key, at in (("n", 2), ("n", 3), ("N", 2)):
        page.keyboard.press(key)
        expect(count).to_have_text(re.compile(f"{at}/"))
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download all of it").click()
    assert coming.value.path().read_text() == text


def test_f_leads_to_what_went_wrong(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say(lines(1, 200) + "ERROR: the disk is full\n" + lines(1, 200))
    look(page, taken)
    page.keyboard.press("f")
    expect(page.locator("#L201")).to_be_in_viewport()
    expect(page.locator("#L201 > a")).to_be_focused()


def test_times_and_wrap_are_remembered(page: Page, taken: Claimed, say: Callable[[str], None]) -> None:
    say("one\n")
    look(page, taken)
    page.locator("#out-times").select_option("utc")
    page.locator("#out-wraps").uncheck()
    page.reload()
    expect(page.locator("#out")).to_have_attribute("data-ts", "utc")
    expect(page.locator("#out-wraps")).not_to_be_checked()


def test_a_poll_leaves_a_half_written_note_and_open_details_alone(
    app: Flask, page: Page, taken: Claimed, say: Callable[[str], None]
) -> None:
    page.goto(f"/tasks/{taken.task.uuid}?tab=notes")
    page.locator("#history > summary").click()
    page.locator("#note-text").fill("half wri")
    end(app, taken, 0)
    poll(page)
    expect(page.locator("#heading .badge")).to_have_text("Completed")
    expect(page.locator("#note-text")).to_have_value("half wri")
    expect(page.locator("#note-text")).to_be_focused()
    expect(page.locator("#history")).to_have_attribute("open", "")
    expect(page.locator("#task[data-live]")).to_have_count(0)


def test_without_script_there_is_the_end_and_a_way_back(
    open_as: Open, taken: Claimed, say: Callable[[str], None]
) -> None:
    say(lines(1, 800))
    page = open_as("operator", java_script_enabled=False).new_page()
    page.goto(f"/tasks/{taken.task.uuid}")
    expect(page.locator("#L800")).to_be_attached()
    page.get_by_role("link", name="Load earlier").click()
    expect(page.locator("#L300")).to_be_attached()
    page.locator("#out-find").fill("line 42")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_text("line 42", exact=True)).to_be_visible()
