"""The first start."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp import clock, config, schema
from webapp.access import passwords
from webapp.access.bootstrap import bootstrap
from webapp.access.models import Membership, Organization, Role, User
from webapp.app import create_app
from webapp.config import Settings
from webapp.db import core, unit


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    settings = config.load({"MUSTER_DATA": str(tmp_path)})
    schema.upgrade(settings)
    return settings


def test_it_makes_an_admin_whose_password_is_told_once(empty: Settings) -> None:
    app = core(empty)
    with unit(app, "first start"):
        first = bootstrap(empty, clock.now())
    assert first and first.username == "admin" and first.password
    with unit(app, "look", reading=True) as session:
        user = session.query(User).one()
        assert passwords.verify(user.password_hash, first.password)
        assert user.superadmin and user.must_change_password
        assert [o.slug for o in session.query(Organization)] == ["default"]
        assert {role.builtin for role in session.query(Role)} == {"viewer", "operator", "admin"}
        assert session.query(Membership).one().role.builtin == "admin"
    with unit(app, "second start"):
        assert bootstrap(empty, clock.now()) is None


def test_a_given_password_need_not_be_changed(empty: Settings, tmp_path: Path) -> None:
    settings = config.load({"MUSTER_DATA": str(tmp_path), "MUSTER_ADMIN_PASSWORD": "given"})
    app = core(settings)
    with unit(app, "first start"):
        first = bootstrap(settings, clock.now())
    assert first and first.password is None
    client = create_app(settings).test_client()
    token = client.get("/login").text.split('csrf-token" content="')[1].split('"')[0]
    answer = client.post("/login", data={"username": "admin", "password": "given", "csrf_token": token})
    assert answer.status_code == 303
    assert client.get("/admin/users").status_code == 200
