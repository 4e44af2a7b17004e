"""One's own profile and preferences."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from webapp.access.models import Audit, User
from webapp.access.prefs import DEFAULTS, PREFS, of_cookies, read


@pytest.fixture
def vera(client: Browser) -> Browser:
    return client.login("vera")


def test_the_profile_is_edited(vera: Browser) -> None:
    assert vera.post("/me", data={"name": "Vera V", "email": "v@example.com"}).location == "/me"
    page = vera.get("/me").text
    assert "Vera V" in page and "v@example.com" in page and "Profile saved" in page
    assert "Profile saved" not in vera.get("/me").text


def test_a_bad_address_comes_back(vera: Browser) -> None:
    page = vera.post("/me", data={"name": "Vera V", "email": "nonsense"})
    assert page.status_code == 422 and "Vera V" in page.text and "like ana@example.com" in page.text


def test_preferences_are_kept_one_by_one(vera: Browser, session: Session, cast: Cast) -> None:
    assert vera.htmx("POST", "/me/prefs", data={"theme": "dark"}).status_code == 204
    assert vera.htmx("POST", "/me/prefs", data={"density": "compact", "live": "0"}).status_code == 204
    assert session.get_one(User, cast.id("vera")).prefs == {"theme": "dark", "density": "compact", "live": 0}
    assert 'data-theme="dark"' in vera.get("/me").text


def test_they_are_nobody_elses_business(vera: Browser, session: Session) -> None:
    before = session.query(Audit).count()
    vera.post("/me/prefs", data={"theme": "dark", "org": "acme"})
    assert session.query(Audit).count() == before


def test_columns_of_lists_are_kept(vera: Browser, session: Session, cast: Cast) -> None:
    vera.post("/me/prefs", data={"columns": json.dumps({"tasks": ["agent", "created"]})})
    assert session.get_one(User, cast.id("vera")).prefs["columns"] == {"tasks": ["agent", "created"]}


def test_the_form_can_turn_a_box_off(vera: Browser, session: Session, cast: Cast) -> None:
    form = {
        "theme": "light",
        "density": "compact",
        "live": "30",
        "times": "absolute",
        "tz": "Asia/Tokyo",
        "boxes": "shortcuts",
    }
    assert vera.post("/me/prefs", data=form).status_code == 303
    assert session.get_one(User, cast.id("vera")).prefs["shortcuts"] is False
    page = vera.get("/me/appearance").text
    assert 'value="Asia/Tokyo"' in page and 'data-tz="Asia/Tokyo"' in page
    vera.post("/me/prefs", data=form | {"shortcuts": "y"})
    assert session.get_one(User, cast.id("vera")).prefs["shortcuts"] is True


@pytest.mark.parametrize(
    ("name", "value"),
    [("theme", "neon"), ("live", "1"), ("density", "none"), ("tz", "Mars/Olympus"), ("shortcuts", "maybe"),
     ("columns", "[]"), ("columns", "{"), ("columns", '{"a": 1}'), ("rail", "")],
)  # fmt: skip
def test_anything_else_is_refused(vera: Browser, session: Session, cast: Cast, name: str, value: str) -> None:
    assert vera.htmx("POST", "/me/prefs", data={name: value}).status_code == 422
    assert session.get_one(User, cast.id("vera")).prefs == {}


def test_unknown_names_are_left_alone(vera: Browser, session: Session, cast: Cast) -> None:
    assert vera.htmx("POST", "/me/prefs", data={"superadmin": "1"}).status_code == 204
    assert session.get_one(User, cast.id("vera")).prefs == {}


def test_every_preference_has_a_default_that_it_may_be() -> None:
    for name, (default, parse) in PREFS.items():
        text = (
            json.dumps(default)
            if isinstance(default, dict)
            else str(default).lower()
            if isinstance(default, bool)
            else str(default)
        )
        assert parse(text) == default, name


def test_before_the_sign_in_the_look_comes_from_the_browser(client: Browser) -> None:
    client.set_cookie("muster_theme", "dark")
    assert 'data-theme="dark"' in client.get("/login").text
    assert of_cookies({"muster_theme": "<script>"}) == DEFAULTS
    assert read({})[0] == {}
