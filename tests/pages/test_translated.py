"""No text of ours is written into a template or a view: in the pseudo-language each one says so by its brackets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.browser import Browser
from tests.cast import Cast
from tests.pages.addresses import NOT_PAGES, pages
from tests.test_routes import Urls, routes
from webapp import language, pseudo
from webapp.config import Settings
from webapp.db import unit
from webapp.pages import ROOT
from webapp.plugins.catalogue import catalogue
from webapp.tasks.models import Task

# What is shown as it is: output, code, keys, ids; what people wrote; names of zones and countries.
QUOTED = {"pre", "code", "kbd", "script", "style", "time", "output", "textarea"}
QUOTED_CLASSES = {"log", "mono", "code", "document", "reason", "contents"}
QUOTED_SELECTS = {"tz", "zone", "country", "timezone"}
ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-confirm", "data-yes", "data-dialog", "label")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
PARTS = re.compile(r"[·,:;()\n“”\"]|\s[–-]\s")
CODE = re.compile(r"[\w.*/?=-]*[_|.*\d/…][\w.*/?=-]*")  # dns_records, web-*, item-7
WORD = re.compile(r"[^\W\d_]{2,}")
# Names, units and what the language choice says in each language itself.
NAMES = {
    "Muster", "API", "URL", "REST", "OpenAPI", "JSON", "CSV", "ZIP", "ADHOC", "ID", "UTC", "CPU", "Redis", "SHA", "TID", "GID",
    "Ctrl", "Esc", "kB", "MB", "GB", "TB", "ms", "min", "sqlite", "English", "Deutsch", "XA",
}  # fmt: skip
# What to type, as it is typed.
EXAMPLES = {"status:failed agent:web-* timeout", "2026-12-24..2026-12-31 Closed"}
DOCUMENTS = ROOT / "docs"
# They end the session, or choose another language for it.
ENDING = {"login.logout", "me.set_prefs", "me.revoke_session"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, pseudo=True)


class Texts(HTMLParser):
    """The texts of a page that a person sees or hears, but for quoted ones."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []
        self.depth = 0  # of brackets: a text may have elements in it

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found += [unbracketed(given[name], 0)[0] for name in ATTRIBUTES if name in given and not self.quoted]
        if tag not in VOID:
            self.open.append((tag, tag in QUOTED or _quotes(tag, given)))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        bare, self.depth = unbracketed(data, self.depth)
        if not self.quoted:
            self.found.append(bare)

    @property
    def quoted(self) -> bool:
        return any(quoted for _, quoted in self.open)


def _quotes(tag: str, given: dict[str, str]) -> bool:
    classes = set(given.get("class", "").split())
    return (
        "hx-ignore" in given
        or bool(classes & QUOTED_CLASSES)
        or (tag == "select" and given.get("name") in QUOTED_SELECTS)
    )


def test_every_text_of_a_page_goes_through_a_catalogue(app: Flask, client: Browser, cast: Cast) -> None:
    client.login("admin").set_cookie(language.COOKIE, pseudo.CODE)
    urls = pages(app, cast.acme)
    data = data_of(app)
    found: dict[str, str] = {}
    for url in urls:
        answer = client.get(url)
        if answer.mimetype == "text/html" and not 300 <= answer.status_code < 400:
            found |= dict.fromkeys(bare(answer, data), url)
    assert not found, "\n".join(f"{url}: {text!r}" for text, url in sorted(found.items(), key=lambda each: each[::-1]))


def test_what_an_act_answers_goes_through_a_catalogue(
    app: Flask, client: Browser, session: Session, cast: Cast
) -> None:
    """Each is asked for nothing in particular: most refuse, some do it, and all say so."""
    client.login("admin").set_cookie(language.COOKIE, pseudo.CODE)
    urls, found = Urls(cast.acme, session), list[tuple[str, str]]()
    for rule, method, access in routes(app):
        if method == "POST" and not access.public and not rule.rule.startswith(NOT_PAGES):
            if rule.endpoint in ENDING:
                continue
            url = urls.of(rule, method)
            answer = client.htmx(method, url)
            found += [(text, url) for text in said(answer)]
    data = data_of(app)
    bare = {text: url for text, url in found if is_ours(text, data)}
    assert not bare, "\n".join(f"{url}: {text!r}" for text, url in bare.items())


def said(answer: TestResponse) -> list[str]:
    """By a toast, or by a form that came back."""
    told = json.loads(answer.headers.get("HX-Trigger", "{}")).get("toast", {}).get("text", "")
    page = Texts()
    if answer.status_code == 422:
        page.feed(answer.text)
    return [unbracketed(told, 0)[0], *page.found]


def bare(answer: TestResponse, data: set[str]) -> Iterator[str]:
    """The texts that no catalogue was asked for."""
    page = Texts()
    page.feed(answer.text)
    yield from (" ".join(text.split()) for text in page.found if is_ours(text, data))


def is_ours(text: str, data: set[str]) -> bool:
    words = " ".join(text.split())
    return words not in data | EXAMPLES and any(_told(part) and part not in data for part in parts(words))


def parts(text: str) -> list[str]:
    return [part.strip(" 0123456789%+") for part in PARTS.split(text)]


def unbracketed(text: str, depth: int) -> tuple[str, int]:
    """What stands outside of brackets, and how many are open at its end."""
    kept = []
    for letter in text:
        depth += letter == pseudo.OPEN
        if not depth:
            kept.append(letter)
        depth -= letter == pseudo.CLOSE and depth > 0
    return "".join(kept), depth


def _told(part: str) -> bool:
    return bool(set(WORD.findall(part)) - NAMES) and not CODE.fullmatch(part)


def data_of(app: Flask) -> set[str]:
    """What is somebody's, not ours: in the database, in plugins and documents."""
    found: set[str] = set()
    with unit(app, "what is stored", reading=True) as session:
        for plugin in catalogue().plugins.values():
            found |= set(_texts(asdict(plugin.manifest)))
        for table in Task.metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                for value in row:
                    found |= set(_texts(value))
    return found | {
        line.lstrip("# ").strip() for path in DOCUMENTS.glob("*.md") for line in path.read_text().splitlines()
    }


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield " ".join(value.split())
        yield value.replace("_", " ").capitalize()  # what a plugin calls its actions and parameters
        yield from parts(value)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
