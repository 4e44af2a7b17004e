"""The frame of every page, for somebody who has signed in and for somebody who has not."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace as Of
from typing import Any

import jinja2
import pytest
from jinja2.runtime import Context
from markupsafe import Markup
from wtforms import Form, PasswordField, StringField

from tests.templates.sources import TEMPLATES, Elements, environment
from webapp.access.prefs import DEFAULTS

ACME, GLOBEX = Of(slug="acme", name="Acme"), Of(slug="globex", name="Globex")
NAV = [{"title": "Work", "items": [{"href": "/tasks", "label": "Tasks", "icon": "tasks", "current": True}]}]


class SignIn(Form):
    username = StringField("User name")
    password = PasswordField("Password")


@pytest.fixture
def env() -> jinja2.Environment:
    page = '{% extends "base.html" %}{% block title %}Tasks{% endblock %}{% block content %}<p>x</p>{% endblock %}'
    loader = jinja2.ChoiceLoader([jinja2.DictLoader({"page.html": page}), jinja2.FileSystemLoader(TEMPLATES)])
    made = environment(loader)
    made.globals.update(
        asset=lambda path: f"/static/{path}", csrf_token=lambda: "token", version="1.2.3", kept=included
    )
    return made


@jinja2.pass_context
def included(context: Context, name: str, *_: Any) -> Markup:
    """What is kept is made from the same values; here each time."""
    return Markup(context.environment.get_template(name).render(context.get_all()))


@pytest.fixture
def context() -> dict[str, Any]:
    return {
        "principal": Of(name="ana", stamp="1", orgs=(ACME, GLOBEX), current_org=ACME),
        "prefs": DEFAULTS,
        "nav": NAV,
        "banners": [Of(tone="warning", text="Redis is not reachable", href="", label="")],
        "flashes": [("success", "Saved", "")],
        "server_time": datetime(2026, 11, 21, tzinfo=UTC),
    }


def signed_out(context: dict[str, Any]) -> dict[str, Any]:
    return context | {"principal": None, "nav": [], "banners": [], "flashes": []}


def test_a_page(env: jinja2.Environment, context: dict[str, Any]) -> None:
    html = env.get_template("page.html").render(context)
    assert "<title>Tasks · Acme · Muster</title>" in html and "<h1>Tasks</h1>" in html
    assert 'href="/tasks" aria-current="page"' in html
    assert "Redis is not reachable" in html and "Saved" in html


def test_ids_are_unique(env: jinja2.Environment, context: dict[str, Any]) -> None:
    page = Elements(env.get_template("page.html").render(context)).found
    ids = [attributes["id"] for _, _, attributes in page if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_htmx_swaps_no_error_and_compiles_nothing(env: jinja2.Environment, context: dict[str, Any]) -> None:
    html = env.get_template("page.html").render(context)
    config = json.loads(re.search(r"name=\"htmx-config\" content='([^']+)'", html)[1])  # type: ignore[index]
    assert config["noSwap"] == [204, 304, "4xx", "5xx"]
    assert "open" in config["morphIgnore"], "else a poll closes what the reader opened"
    assert 'hx-status:422:inherited="swap:innerHTML"' in html


def test_one_organization_needs_no_switch(env: jinja2.Environment, context: dict[str, Any]) -> None:
    context["principal"] = Of(name="ana", stamp="1", orgs=(ACME,), current_org=ACME)
    assert "org-menu" not in env.get_template("page.html").render(context)


def test_signing_in(env: jinja2.Environment, context: dict[str, Any]) -> None:
    html = env.get_template("login.html").render(signed_out(context), form=SignIn(), next="/tasks")
    assert all(f'name="{name}"' in html for name in ("username", "password", "csrf_token", "next"))
    assert 'id="nav"' not in html and 'id="palette"' not in html


@pytest.mark.parametrize("code", [400, 403, 404, 409, 413, 429, 500, 503])
def test_an_error_page_for_anybody(env: jinja2.Environment, context: dict[str, Any], code: int) -> None:
    facts = {"code": code, "heading": "", "text": "", "reference": "5f2c-91", "retry_after": None}
    for who in (context, signed_out(context)):
        html = env.get_template("error.html").render(who, **facts)
        assert "5f2c-91" in html and re.search(r"<h1>\w", html)


def test_the_palette(env: jinja2.Environment) -> None:
    item = {"href": "/tasks/7", "label": "<b>", "hint": "7", "icon": "failed"}
    html = env.get_template("_palette.html").render(groups=[{"title": "Tasks", "items": [item]}], q="x")
    assert 'role="option"' in html and "&lt;b&gt;" in html
    assert "Nothing matches" in env.get_template("_palette.html").render(groups=[], q="zz")
