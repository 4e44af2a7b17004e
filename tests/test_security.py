"""What guards every request, tried on routes that exist."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import HTMX, Browser
from tests.cast import Cast
from webapp import config
from webapp.access.models import User
from webapp.access.permissions import ADMIN
from webapp.app import create_app
from webapp.security import same_origin_path

TOO_OLD = "This page is too old. Reload it, then try again"


def saved(client: Browser, token: str | None, **headers: str) -> int:
    given = {"X-CSRFToken": token} if token is not None else {}
    return client.post("/me", data={"name": "New"}, headers=given | headers, csrf=False).status_code


@pytest.fixture
def vera(client: Browser) -> Browser:
    return client.login("vera")


def test_a_form_with_its_token_is_taken(vera: Browser, session: Session, cast: Cast) -> None:
    data = {"name": "New", "csrf_token": vera.form_token()}
    assert vera.post("/me", data=data, csrf=False).status_code == 303
    assert session.get_one(User, cast.id("vera")).name == "New"


def test_a_form_without_or_with_a_wrong_token_is_not(app: Flask, vera: Browser) -> None:
    other = app.test_client().login("oscar").form_token()  # type: ignore[attr-defined]
    for token in (None, "", "wrong", other, vera.form_token()[:-1], vera.form_token() + "0", "é"):
        assert saved(vera, token) == 403
    assert saved(vera, vera.form_token()) == 303


def test_another_site_is_refused_even_with_the_token(vera: Browser) -> None:
    token = vera.form_token()
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "http://localhost.evil.example"},
    ):
        assert saved(vera, token, **headers) == 403, headers
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        assert saved(vera, token, **headers) == 303, headers


def test_a_token_of_before_the_sign_in_is_void_after_it(client: Browser) -> None:
    client.get("/login")
    before = client.form_token()
    client.login("vera")
    assert saved(client, before) == 403


def test_signing_in_is_guarded_too(client: Browser) -> None:
    """Else a stranger's page could sign its visitors in as the stranger."""
    data = {"username": "alice", "password": "seven wooden ladders"}
    client.get("/login")
    assert client.post("/login", data=data, csrf=False).status_code == 403
    assert client.post("/login", data=data).status_code == 303


def test_the_refusal_is_told_as_a_toast_and_as_a_page(vera: Browser) -> None:
    toast = vera.post("/me", headers=HTMX, csrf=False)
    assert (toast.status_code, toast.text) == (403, "") and TOO_OLD in toast.headers["HX-Trigger"]
    assert TOO_OLD in vera.post("/me", csrf=False).text


def test_a_key_needs_no_form_token_and_wins_over_a_cookie(vera: Browser, session: Session, cast: Cast) -> None:
    text, _ = factories.token(cast.id("alice"), cast.acme, ADMIN)
    bearer = {"Authorization": f"Bearer {text}"}
    assert vera.post("/admin/users/oscar", data={"name": "By key"}, headers=bearer, csrf=False).status_code == 303
    assert session.get_one(User, cast.id("oscar")).name == "By key"
    assert vera.get("/me", headers={"Authorization": "Bearer nonsense"}).status_code == 302


def test_every_answer_carries_the_headers(vera: Browser) -> None:
    for url in ("/me", "/login", "/nothing", "/healthz", "/static/app.css"):
        headers = vera.get(url).headers
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in headers["Content-Security-Policy"], url
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Request-Id"]
    assert vera.get("/me").headers["Cache-Control"] == "no-store"


def test_pages_have_nothing_that_the_policy_forbids(vera: Browser) -> None:
    for url in ("/me", "/me/appearance", "/me/tokens", "/me/sessions", "/login", "/nothing"):
        text = vera.get(url).text
        assert not any(word in text for word in (" style=", "<script>", "onclick=", "hx-on", "javascript:")), url


def test_files_are_kept_for_ever_under_the_name_of_their_content(vera: Browser) -> None:
    page = vera.get("/me").text
    url = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    assert vera.get(url).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert vera.get("/static/app.css").headers["Cache-Control"] == "no-cache"
    assert vera.get("/static/app.000000000000.css").headers["Cache-Control"] == "no-cache"
    assert vera.get("/static/vendor/htmx-4.0.1.min.js").status_code == 200


@pytest.mark.parametrize("path", ["../app.py", "%2e%2e/wsgi.py", "..%2fpyproject.toml", "nothing.css"])
def test_nothing_else_is_served_as_a_file(client: Browser, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_only_the_named_hosts_are_answered(settings: config.Settings) -> None:
    from dataclasses import replace

    app = create_app(replace(settings, trusted_hosts=("muster.example",)))
    client = app.test_client()
    assert client.get("/healthz", base_url="http://muster.example").status_code == 200
    assert client.get("/healthz", base_url="http://evil.example").status_code == 400


def test_forwarded_headers_count_only_from_a_known_proxy(settings: config.Settings) -> None:
    from dataclasses import replace

    forwarded = {"X-Forwarded-Proto": "https"}
    direct = create_app(settings).test_client().get("/login", headers=forwarded)
    behind = create_app(replace(settings, proxies=1)).test_client().get("/login", headers=forwarded)
    assert direct.headers["Set-Cookie"].startswith("muster_session=")
    assert behind.headers["Set-Cookie"].startswith("__Host-muster=")


@pytest.mark.parametrize("target", ["/", "/tasks?status=failed&next=//x", "/me#a"])
def test_a_path_of_ours_is_a_way_back(target: str) -> None:
    assert same_origin_path(target) == target


@pytest.mark.parametrize("target", [None, "", "x", "//x", "///x", "/\\x", "http://x", "/\nx", "/\x7fx"])
def test_anything_else_leads_home(target: str | None) -> None:
    assert same_origin_path(target, "/home") == "/home"
