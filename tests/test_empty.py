"""A list without rows says what would stand there and what to do; one that a search has emptied, how to see all again."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.browser import Browser
from tests.cast import Cast

NO_LISTS = {"/", "/adhoc"}
BEYOND_THE_MENU = (
    "/tasks/schedules",
    "/tasks/schedules/upcoming",
    "/tasks/schedules/month",
    "/agents/enrolment/",
    "/me/tokens/",
)
EMPTY = re.compile(r'<div class="empty" data-kind="(\w+)">.*?<h2>(.+?)</h2>', re.S)
MENU = re.compile(r'<a href="([^"]+)"')


@pytest.fixture
def mallory(client: Browser, cast: Cast) -> Browser:
    """Admin of an organisation in which nothing has been made."""
    return client.login("mallory")


def lists(browser: Browser) -> list[str]:
    page = browser.get("/").text
    menu = page[page.index('id="nav"') : page.index("</nav>")]
    return [href for href in MENU.findall(menu) if href.rstrip("/") not in NO_LISTS and href != "/"]


def test_each_list_that_is_empty_says_what_belongs_there(app: Flask, mallory: Browser) -> None:
    assert len(lists(mallory)) > 10
    silent = []
    for url in [*lists(mallory), *BEYOND_THE_MENU]:
        page = mallory.get(url, follow_redirects=True).text
        main = page[page.index("<main") :]
        if not EMPTY.search(main) and not re.search(r'<tr id="|<li id="|class="facts"', main):
            silent.append(url)
    assert not silent


def test_each_search_that_finds_nothing_says_so_and_leads_back(app: Flask, mallory: Browser) -> None:
    wrong = {}
    for url in [*lists(mallory), *BEYOND_THE_MENU]:
        page = mallory.get(url, follow_redirects=True).text
        if ' id="q"' in page:
            found = mallory.get(f"{url}?q=nothing-is-called-so", follow_redirects=True).text
            kinds = [kind for kind, _ in EMPTY.findall(found)]
            if kinds[:1] != ["none"] or f'href="{url.rstrip("/")}"' not in found:
                wrong[url] = kinds
    assert not wrong
