"""A piece of a page, asked for by its address alone, is a page or leads to one: links are copied, and scripts fail."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from tests.test_routes import Urls, routes
from webapp.db import writing_to
from webapp.events import Actor
from webapp.tasks.notes import lifecycle as notes

HOPS = 3
# Documents for programs: no pages, and no pieces of one either.
NO_PAGES = (
    "/api/",
    "/agent/",
    "/static/",
    "/metrics",
    "/healthz",
    "/readyz",
    "/favicon.ico",
    "/agents/muster-agent.pyz",
)


def addresses(app: Flask, cast: Cast, session: Session) -> Iterator[str]:
    urls = Urls(cast.acme, session)
    for rule, method, access in routes(app):
        if method == "GET" and not access.public and not rule.rule.startswith(NO_PAGES):
            yield urls.of(rule, method)


def followed(client: Browser, url: str) -> TestResponse:
    answer = client.get(url)
    for _ in range(HOPS):
        if not 300 <= answer.status_code < 400:
            break
        answer = client.get(answer.location)
    return answer


def piece(answer: TestResponse) -> bool:
    return answer.mimetype == "text/html" and answer.status_code == 200 and "<html" not in answer.text


def test_every_piece_is_a_page_or_leads_to_one(app: Flask, client: Browser, cast: Cast, session: Session) -> None:
    client.login("admin")
    pieces = [url for url in addresses(app, cast, session) if piece(client.htmx("GET", url))]
    assert len(pieces) > 30
    wrong = {url: answer.status_code for url in pieces if not whole(answer := followed(client, url))}
    assert wrong == {}


def whole(answer: TestResponse) -> bool:
    return answer.status_code == 200 and "<html" in answer.text


def test_nothing_asks_for_itself_for_ever(app: Flask, client: Browser, cast: Cast, session: Session) -> None:
    """Also what is refused: each address ends somewhere."""
    client.login("admin")
    loops = [url for url in addresses(app, cast, session) if followed(client, url).status_code in range(300, 400)]
    assert loops == []


def test_a_form_that_is_refused_says_so_on_a_page(client: Browser, cast: Cast, session: Session) -> None:
    task = made.task(cast.acme)
    with writing_to(cast.acme):
        note = notes.add(task, "Mine alone", Actor("user", "oscar", cast.id("oscar")), task.created_at)
    answer = client.login("admin").get(f"/tasks/notes/{note.id}/edit")
    assert answer.status_code == 409 and "Only they can change it" in answer.text and "<html" in answer.text
