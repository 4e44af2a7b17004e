"""Admins and their people: who may do what to whom."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import Browser
from tests.cast import PASSWORD, Cast, role_of
from webapp import clock
from webapp.access import lifecycle
from webapp.access.models import Audit, Membership, User
from webapp.access.permissions import Permission
from webapp.events import SYSTEM
from webapp.refusal import Refused


@pytest.fixture
def alice(client: Browser) -> Browser:
    return client.login("alice")


def link_in(page: str) -> str:
    return re.search(r"/password/[\w.-]+", page)[0]  # type: ignore[index]


def test_the_list_shows_the_people_of_ones_organisations(alice: Browser) -> None:
    page = alice.get("/admin/users").text
    assert all(name in page for name in ("oscar", "vera", "bea"))
    assert "mallory" not in page and "sid" not in page


def test_it_can_be_searched(alice: Browser) -> None:
    page = alice.get("/admin/users?q=OSC").text
    assert "oscar" in page and "vera" not in page
    assert "No user matches" in alice.get("/admin/users?q=100%").text


def test_a_new_user_chooses_a_password_by_a_link(alice: Browser, session: Session, cast: Cast) -> None:
    role = role_of(cast.acme, "operator")
    page = alice.post("/admin/users", data={"username": "Nina", "name": "Nina N", "role": role.id})
    assert page.status_code == 201
    link = link_in(page.text)
    assert alice.forget().get(link).status_code == 200
    new = {"password": "eleven green bottles", "again": "eleven green bottles"}
    assert alice.post(link, data=new).location == "/login"
    assert alice.get(link).status_code == 404
    signed_in = alice.post("/login", data={"username": "nina", "password": "eleven green bottles"})
    assert signed_in.status_code == 303
    assert "Operator" in alice.get("/me").text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"username": "oscar"}, "is taken"), ({"username": "mallory"}, "is taken"), ({"username": "a b"}, "small letters"),
     ({"username": ""}, "Enter a user name"), ({"email": "x"}, "like ana@example.com"), ({"role": "999"}, "Role")],
)  # fmt: skip
def test_a_bad_form_comes_back(
    alice: Browser, session: Session, cast: Cast, wrong: dict[str, str], message: str
) -> None:
    data = {"username": "nina", "name": "Kept text", "role": role_of(cast.acme, "viewer").id} | wrong
    page = alice.post("/admin/users", data=data)
    assert page.status_code == 422
    assert message in page.text and "Kept text" in page.text
    assert session.query(User).count() == 6


def test_nobody_makes_people_elsewhere(alice: Browser, session: Session, cast: Cast) -> None:
    role = role_of(cast.globex, "admin")
    assert alice.post("/admin/users", data={"username": "nina", "role": role.id}).status_code == 422
    assert session.query(User).count() == 6


def test_a_reset_link_works_once_and_for_half_an_hour(alice: Browser, session: Session, pass_time) -> None:  # type: ignore[no-untyped-def]
    from datetime import timedelta

    before = session.query(User).filter_by(username="vera").one().password_hash
    first = link_in(alice.post("/admin/users/vera/reset").text)
    assert session.query(User).filter_by(username="vera").one().password_hash != before
    second = link_in(alice.post("/admin/users/vera/reset").text)
    assert alice.get(first).status_code == 404
    assert alice.get(second).status_code == 200
    assert alice.get(second[:-2] + "xx").status_code == 404
    pass_time(timedelta())


def test_a_weak_password_is_not_taken_by_the_link(alice: Browser) -> None:
    link = link_in(alice.post("/admin/users/vera/reset").text)
    page = alice.post(link, data={"password": "vera-vera-vera", "again": "vera-vera-vera"})
    assert page.status_code == 422 and "your name with decoration" in page.text


def test_who_is_admin_in_one_place_cannot_take_over_an_account_of_two(client: Browser, session: Session) -> None:
    """A new password for bea would open Globex, too."""
    client.login("alice")
    for verb in ("reset", "disable", "enable"):
        assert client.post(f"/admin/users/bea/{verb}").status_code == 403
    assert client.post("/admin/users/bea", data={"name": "Mine"}).status_code == 403
    assert "Reset password" not in client.get("/admin/users/bea").text
    assert client.login("sid").post("/admin/users/bea/reset").status_code == 200


def test_nor_a_superadmins(client: Browser, session: Session, cast: Cast) -> None:
    sid = session.get_one(User, cast.id("sid"))
    lifecycle.join(sid, role_of(cast.acme, "viewer"), SYSTEM, clock.now())
    client.login("alice")
    assert client.get("/admin/users/sid").status_code == 200
    assert client.post("/admin/users/sid/reset").status_code == 403


def test_a_person_is_disabled_and_enabled(alice: Browser, session: Session, cast: Cast) -> None:
    assert alice.htmx("POST", "/admin/users/vera/disable").status_code == 204
    assert not session.get_one(User, cast.id("vera")).active
    assert alice.post("/admin/users/vera/enable").status_code == 303
    assert session.get_one(User, cast.id("vera")).active


def test_the_last_superadmin_stays(client: Browser, session: Session, cast: Cast) -> None:
    client.login("sid")
    answer = client.htmx("POST", "/admin/users/sid/disable")
    assert answer.status_code == 409 and "last superadmin" in answer.headers["HX-Trigger"]
    assert session.get_one(User, cast.id("sid")).active
    with pytest.raises(Refused):
        lifecycle.disable(session.get_one(User, cast.id("sid")), SYSTEM, clock.now())


def test_a_role_is_changed_in_ones_own_organisation(alice: Browser, session: Session, cast: Cast) -> None:
    membership = session.query(Membership).filter_by(user_id=cast.id("bea"), organization_id=cast.acme).one()
    role = role_of(cast.acme, "viewer")
    assert alice.post(f"/admin/users/memberships/{membership.id}/role", data={"role": role.id}).status_code == 303
    assert session.get_one(Membership, membership.id).role_id == role.id


def test_but_not_to_a_role_of_another_one(alice: Browser, session: Session, cast: Cast) -> None:
    membership = session.query(Membership).filter_by(user_id=cast.id("oscar")).one()
    foreign = role_of(cast.globex, "admin")
    answer = alice.post(f"/admin/users/memberships/{membership.id}/role", data={"role": foreign.id})
    assert answer.status_code == 422
    assert session.get_one(Membership, membership.id).role_id != foreign.id


def test_nobody_gives_more_than_they_have(client: Browser, session: Session, cast: Cast) -> None:
    """Somebody who may only manage people cannot make an admin, nor touch one."""
    manager = factories.role(cast.acme, [Permission.USERS_READ, Permission.USERS_WRITE])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = manager.id
    oscar = session.query(Membership).filter_by(user_id=cast.id("oscar")).one()
    client.login("vera")
    admin = role_of(cast.acme, "admin")
    answer = client.post(f"/admin/users/memberships/{oscar.id}/role", data={"role": admin.id})
    assert answer.status_code == 403
    alice = session.query(Membership).filter_by(user_id=cast.id("alice")).one()
    assert client.post(f"/admin/users/memberships/{alice.id}/delete").status_code == 403
    assert client.post(f"/admin/users/memberships/{alice.id}/role", data={"role": manager.id}).status_code == 403


def test_or_resets_the_password_of_who_has_more(client: Browser, session: Session, cast: Cast) -> None:
    manager = factories.role(cast.acme, [Permission.USERS_READ, Permission.USERS_WRITE])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = manager.id
    client.login("vera")
    assert client.post("/admin/users/alice/reset").status_code == 403


def test_a_person_is_added_to_a_second_organisation(client: Browser, session: Session, cast: Cast) -> None:
    client.login("sid")
    role = role_of(cast.globex, "viewer")
    assert client.post("/admin/users/oscar/memberships", data={"role": role.id}).status_code == 303
    assert session.query(Membership).filter_by(user_id=cast.id("oscar")).count() == 2
    assert client.post("/admin/users/oscar/memberships", data={"role": role.id}).status_code == 409


def test_only_organisations_that_a_person_is_not_in_are_offered(client: Browser, session: Session, cast: Cast) -> None:
    offered = (
        client.login("sid").get("/admin/users/oscar").text.partition('id="join-role"')[2].partition("</select>")[0]
    )
    assert f'value="{role_of(cast.globex, "viewer").id}"' in offered
    assert f'value="{role_of(cast.acme, "viewer").id}"' not in offered
    assert 'id="join"' not in client.login("alice").get("/admin/users/oscar").text


def test_leaving_keeps_the_account(alice: Browser, session: Session, cast: Cast) -> None:
    membership = session.query(Membership).filter_by(user_id=cast.id("vera")).one()
    assert alice.post(f"/admin/users/memberships/{membership.id}/delete").status_code == 303
    assert session.query(Membership).filter_by(user_id=cast.id("vera")).count() == 0
    assert session.get_one(User, cast.id("vera")).active
    assert "vera" in alice.login("sid").get("/admin/users").text


def test_viewers_do_not_see_people(client: Browser) -> None:
    client.login("vera")
    page = client.get("/me").text
    assert "/admin/users" not in page
    assert client.get("/admin/users").status_code == 403


def test_what_was_done_is_written_down(alice: Browser, session: Session, cast: Cast) -> None:
    alice.post("/admin/users/vera", data={"name": "Vera V", "email": "vera@example.com"})
    row = session.query(Audit).filter_by(action="user.edit").one()
    assert (row.actor, row.object, row.organization_id) == ("alice", "user vera", cast.acme)
    assert row.before == {"name": "Vera", "email": ""}
    assert row.after == {"name": "Vera V", "email": "vera@example.com"}
    assert row.request_id and row.ip == "127.0.0.1"


def test_a_password_is_never_written_anywhere(alice: Browser, session: Session) -> None:
    new = {"password": "eleven green bottles", "again": "eleven green bottles"}
    alice.post("/me/password", data={"current": PASSWORD, **new})
    for row in session.query(Audit):
        assert "bottles" not in f"{row.before}{row.after}{row.object}" and "ladders" not in f"{row.before}{row.after}"
