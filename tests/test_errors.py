"""How refusals and failures are told: as a page, a toast or problem+json, and never as a traceback."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from tests.browser import HTMX, Browser
from webapp.access.guards import public
from webapp.db import db
from webapp.errors import Problem
from webapp.refusal import Refused

JSON = {"Accept": "application/json"}


@pytest.fixture
def broken(app: Flask) -> Flask:
    def fails(name: str, error: Exception) -> None:
        def view() -> str:
            raise error

        app.add_url_rule(f"/{name}", name, public(view), methods=["GET", "POST"])
        app.add_url_rule(f"/api/{name}", f"api-{name}", public(view), methods=["GET", "POST"])

    fails("bug", ZeroDivisionError("secret detail"))
    fails("refused", Refused("running", "It runs. Stop it first"))
    fails("form", Problem(422, errors=[{"field": "name", "message": "Enter a name"}]))
    fails("limited", Problem(429, headers={"Retry-After": "12"}))
    fails("broken-rule", IntegrityError("INSERT secret", {}, sqlite3.IntegrityError("FOREIGN KEY constraint failed")))
    return app


@pytest.mark.usefixtures("broken")
class TestWhatFails:
    def test_a_bug_is_told_with_a_reference_and_no_detail(self, client: Browser) -> None:
        for headers in ({}, HTMX, JSON):
            answer = client.get("/bug", headers=headers)
            told = answer.text + answer.headers.get("HX-Trigger", "")
            assert answer.status_code == 500
            assert answer.headers["X-Request-Id"][:8] in told
            assert "secret" not in told and "Traceback" not in told and "ZeroDivision" not in told

    def test_programs_get_problem_json(self, client: Browser) -> None:
        answer = client.get("/api/form")
        assert answer.content_type == "application/problem+json"
        assert answer.json == {
            "type": "about:blank", "title": "There is a problem", "status": 422, "detail": "Enter a name",
            "errors": [{"field": "name", "message": "Enter a name"}],
        }  # fmt: skip

    def test_a_refused_verb_is_409_with_its_reason(self, client: Browser) -> None:
        answer = client.get("/api/refused")
        assert (answer.status_code, answer.json["reason"]) == (409, "running")  # type: ignore[index]
        news = json.loads(client.get("/refused", headers=HTMX).headers["HX-Trigger"])
        assert news["toast"] == {"text": "It runs. Stop it first", "tone": "danger"}
        assert "list:refresh" in news
        client.get("/login")
        back = client.post("/refused", headers={"Referer": "http://localhost/login"})
        assert (back.status_code, back.location) == (303, "/login")
        assert "It runs. Stop it first" in client.get("/login").text

    def test_a_refusal_does_not_lead_elsewhere(self, client: Browser) -> None:
        client.get("/login")
        assert client.post("/refused", headers={"Referer": "https://evil.example/x"}).location == "/x"

    def test_who_must_wait_is_told_how_long(self, client: Browser) -> None:
        assert client.get("/limited").headers["Retry-After"] == "12"

    def test_a_broken_rule_of_the_database_is_our_fault(self, client: Browser) -> None:
        answer = client.get("/broken-rule")
        assert answer.status_code == 500 and "secret" not in answer.text


def test_what_is_not_there(client: Browser) -> None:
    page = client.get("/nothing/here")
    assert page.status_code == 404 and "<!doctype html>" in page.text and "Not found" not in page.headers
    assert client.get("/api/v1/nothing").content_type == "application/problem+json"
    assert client.get("/nothing", headers=JSON).content_type == "application/problem+json"
    assert client.get("/nothing", headers={"Accept": "*/*"}).content_type.startswith("text/html")


def test_the_wrong_method_says_which_are_right(client: Browser) -> None:
    answer = client.delete("/login")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_too_much_is_413(app: Flask, client: Browser) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 3 * 2**20
    client.login("vera")
    answer = client.post("/me", data={"name": "x" * (4 * 2**20)})
    assert answer.status_code == 413 and "The limit is 3 MB" in answer.text


def test_json_that_is_none_is_400(app: Flask, client: Browser) -> None:
    from flask import request

    app.add_url_rule("/api/take", "take", public(csrf=False)(lambda: str(request.get_json())), methods=["POST"])
    answer = client.post("/api/take", data="{", content_type="application/json")
    assert answer.status_code == 400 and answer.content_type == "application/problem+json"


def test_a_page_that_needs_the_database_says_when_to_come_back(app: Flask, client: Browser) -> None:
    client.login("alice")
    with database_away(app):
        for headers in ({}, HTMX, JSON):
            answer = client.post("/me", data={"name": "Kept"}, headers=headers)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "5"
        assert client.get("/readyz").status_code == (503 if not app.extensions["settings"].sqlite else 200)
        assert client.get("/healthz").status_code == 200


@contextmanager
def database_away(app: Flask) -> Iterator[None]:
    """A writer that does not let go of the SQLite file, or a PostgreSQL database that takes nobody in."""
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("PRAGMA busy_timeout=20"), insert=True)
        other = sqlite3.connect(engine.url.database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    admin = sa.create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = engine.url.database
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    admin.dispose()


def test_the_error_page_of_a_signed_in_person_has_the_menu(client: Browser) -> None:
    assert "/me/tokens" in client.login("alice").get("/nothing").text or "Signed in" in client.get("/nothing").text
    assert Path("templates/error.html").exists()
