"""Own roles from permissions."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import Browser
from tests.cast import Cast, role_of
from webapp.access.models import Audit, Membership, Role
from webapp.access.permissions import ADMIN, OPERATOR, ROLES, VIEWER, Permission, read

READ = "endpoints:tasks:read"


@pytest.fixture
def alice(client: Browser) -> Browser:
    return client.login("alice")


def test_an_own_role_gives_exactly_its_permissions(alice: Browser, session: Session, cast: Cast) -> None:
    answer = alice.post("/admin/roles", data={"name": "Auditor", "permissions": ["endpoints:audit:read"]})
    assert answer.status_code == 303
    role = session.query(Role).filter_by(name="Auditor").one()
    assert role.organization_id == cast.acme
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = role.id
    vera = alice.login("vera")
    assert vera.get("/admin/audit").status_code == 200
    assert vera.get("/admin/users").status_code == 403


def test_it_is_edited_and_deleted(alice: Browser, session: Session, cast: Cast) -> None:
    role = factories.role(cast.acme, [Permission.TASKS_READ])
    url = f"/admin/roles/{role.id}"
    alice.post(url, data={"name": "Renamed", "permissions": [READ, "endpoints:files:read"]})
    assert (role.name, role.own) == ("Renamed", ["endpoints:files:read", READ])
    assert alice.post(f"{url}/delete").status_code == 303
    assert session.query(Role).filter_by(name="Renamed").count() == 0
    actions = [row.action for row in session.query(Audit).order_by(Audit.id) if row.action.startswith("role.")]
    assert actions[-3:] == ["role.create", "role.edit", "role.delete"]


def test_one_that_people_have_stays(alice: Browser, session: Session, cast: Cast) -> None:
    role = factories.role(cast.acme, [Permission.TASKS_READ])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = role.id
    assert alice.htmx("POST", f"/admin/roles/{role.id}/delete").status_code == 409
    assert session.query(Role).filter_by(id=role.id).count() == 1


def test_the_built_in_ones_stay_as_they_are(alice: Browser, session: Session, cast: Cast) -> None:
    role = role_of(cast.acme, "viewer")
    assert alice.htmx("POST", f"/admin/roles/{role.id}", data={"name": "X", "permissions": [READ]}).status_code == 409
    assert alice.htmx("POST", f"/admin/roles/{role.id}/delete").status_code == 409
    assert "Save role" not in alice.get(f"/admin/roles/{role.id}").text


def test_nobody_makes_a_role_with_more_than_they_have(client: Browser, session: Session, cast: Cast) -> None:
    manager = factories.role(cast.acme, [Permission.USERS_READ, Permission.USERS_WRITE])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = manager.id
    client.login("vera")
    for wrong in ("endpoints:tasks:command", "endpoints:settings:write"):
        assert client.post("/admin/roles", data={"name": "More", "permissions": [wrong]}).status_code == 403
        assert client.post(f"/admin/roles/{manager.id}", data={"name": "M", "permissions": [wrong]}).status_code == 403


def test_two_roles_cannot_have_one_name(alice: Browser, session: Session) -> None:
    data = {"name": "Twice", "permissions": [READ]}
    assert alice.post("/admin/roles", data=data).status_code == 303
    assert alice.post("/admin/roles", data=data).status_code == 409


def test_an_unknown_permission_is_refused(alice: Browser) -> None:
    assert alice.post("/admin/roles", data={"name": "X", "permissions": ["endpoints:all"]}).status_code == 422
    assert alice.post("/admin/roles", data={"name": "", "permissions": [READ]}).status_code == 422


def test_of_several_organisations_one_is_chosen(client: Browser, session: Session) -> None:
    client.login("sid")
    data = {"name": "X", "permissions": [READ]}
    answer = client.post("/admin/roles", data=data)
    assert answer.status_code == 422 and "Choose an organization" in answer.text
    assert client.post("/admin/roles", data=data | {"organization": "globex"}).status_code == 303
    assert client.post("/admin/roles", data=data | {"organization": "nowhere"}).status_code == 422


def test_the_three_roles_grow_from_each_other() -> None:
    assert VIEWER < OPERATOR < ADMIN == frozenset(Permission)
    assert set(ROLES) == {"viewer", "operator", "admin"}


def test_a_viewer_reads_all_but_people_tokens_and_the_audit_log() -> None:
    unseen = {p.noun for p in Permission if p.verb == "read"} - {p.noun for p in VIEWER}
    assert unseen == {"audit", "tokens", "users"}
    assert {p.verb for p in VIEWER} == {"read"}


def test_an_operator_operates() -> None:
    assert sorted(OPERATOR - VIEWER) == [
        "endpoints:definitions:operate", "endpoints:reports:create", "endpoints:schedules:write",
        "endpoints:tasks:cancel", "endpoints:tasks:command", "endpoints:tasks:create", "endpoints:tasks:notes",
    ]  # fmt: skip


def test_every_permission_has_a_right_to_see_and_words() -> None:
    for permission in Permission:
        assert permission.seeing.verb == "read"
        assert permission.words and "endpoints" not in permission.words


def test_a_stored_permission_that_is_no_longer_known_gives_nothing() -> None:
    assert read([READ, "endpoints:gone:read"]) == {Permission.TASKS_READ}


def test_who_may_not_see_a_page_is_told_where_and_who_can_change_that(client: Browser, session: Session) -> None:
    answer = client.login("viewer").get("/admin/users")
    assert answer.status_code == 403 and "can change roles" in answer.text
    assert "You cannot see users in Acme. Your role is Viewer. Alice" in answer.text
