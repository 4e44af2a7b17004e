"""Organisations, and which of them somebody looks at."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast, role_of
from webapp import clock
from webapp.access import lifecycle
from webapp.access.models import Audit, Organization, Role, User
from webapp.events import SYSTEM


def test_a_superadmin_makes_one_with_its_roles(client: Browser, session: Session) -> None:
    client.login("sid")
    assert client.post("/admin/organizations", data={"name": "New Labs", "slug": "New-Labs"}).status_code == 303
    made = session.query(Organization).filter_by(slug="new-labs").one()
    assert {role.name for role in session.query(Role).filter_by(organization_id=made.id)} == {
        "Viewer",
        "Operator",
        "Admin",
    }
    assert client.get("/admin/organizations/new-labs").status_code == 200
    assert session.query(Audit).filter_by(organization_id=made.id, action="organization.create").count() == 1


def test_nobody_else_does(client: Browser, session: Session) -> None:
    assert client.login("alice").post("/admin/organizations", data={"name": "N", "slug": "n"}).status_code == 403
    assert "New organization" not in client.get("/admin/organizations").text


@pytest.mark.parametrize("slug", ["acme", "-x", "x y", "ä", "x" * 65, ""])
def test_a_short_name_is_free_and_plain(client: Browser, slug: str) -> None:
    assert client.login("sid").post("/admin/organizations", data={"name": "X", "slug": slug}).status_code == 422


def test_its_admin_renames_it(client: Browser, session: Session, cast: Cast) -> None:
    client.login("alice")
    assert client.post("/admin/organizations/acme", data={"name": "Acme Ltd"}).status_code == 303
    assert session.get_one(Organization, cast.acme).name == "Acme Ltd"
    assert "Acme Ltd" in client.get("/admin/organizations").text
    assert client.post("/admin/organizations/globex", data={"name": "Mine"}).status_code == 404


def test_all_are_shown_until_one_is_chosen(client: Browser, session: Session, cast: Cast) -> None:
    _promote(session, cast)
    client.login("bea")
    assert {"alice", "mallory"} <= _names(client)
    assert (
        client.post("/me/prefs", data={"org": "globex"}, headers={"Referer": "http://localhost/admin/users"}).location
        == "/admin/users"
    )
    assert "alice" not in _names(client) and "mallory" in _names(client)
    client.post("/me/prefs", data={"org": ""})
    assert {"alice", "mallory"} <= _names(client)


def test_a_thing_of_ones_other_organisation_can_still_be_opened(client: Browser, session: Session, cast: Cast) -> None:
    _promote(session, cast)
    client.login("bea").post("/me/prefs", data={"org": "globex"})
    assert client.get(f"/admin/roles/{role_of(cast.acme, 'viewer').id}").status_code == 200


def test_nobody_chooses_a_foreign_one(client: Browser) -> None:
    assert client.login("alice").post("/me/prefs", data={"org": "globex"}).status_code == 422


def test_the_right_counts_where_the_thing_is(client: Browser, session: Session, cast: Cast) -> None:
    """bea is admin of Globex now and operator of Acme: she sees Acme's people nowhere."""
    membership = session.get_one(User, cast.id("bea"))
    for row in session.query(lifecycle.Membership).filter_by(user_id=membership.id, organization_id=cast.globex):
        lifecycle.change_role(row, role_of(cast.globex, "admin"), SYSTEM, clock.now())
    client.login("bea")
    assert _names(client) >= {"mallory"} and "alice" not in _names(client)
    assert client.get("/admin/users/alice").status_code == 404
    client.post("/me/prefs", data={"org": "acme"})
    assert client.get("/admin/users").status_code == 403


def _names(client: Browser) -> set[str]:
    page = client.get("/admin/users").text.split("<main")[1]
    return {name for name in ("alice", "oscar", "vera", "bea", "mallory") if f">{name}" in page}


def _promote(session: Session, cast: Cast) -> None:
    """bea becomes admin of both."""
    for row in session.query(lifecycle.Membership).filter_by(user_id=cast.id("bea")):
        lifecycle.change_role(row, role_of(row.organization_id, "admin"), SYSTEM, clock.now())
