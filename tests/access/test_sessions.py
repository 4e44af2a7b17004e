"""Sessions end when they should, at once, whatever was cached."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import PASSWORD, Cast, role_of
from webapp import clock, queue
from webapp.access import facts, lifecycle, sessions
from webapp.access.models import Membership, User
from webapp.access.models import Session as Row
from webapp.events import SYSTEM


def is_in(client: Browser) -> bool:
    return client.get("/me").status_code == 200


@pytest.fixture
def vera(client: Browser) -> Browser:
    client.login("vera")
    assert is_in(client)  # from here on her facts are in the broker
    return client


def test_logout_ends_it(vera: Browser) -> None:
    cookie = vera.get_cookie("muster_session")
    assert vera.post("/logout").location == "/login"
    assert vera.get_cookie("muster_session") is None
    assert cookie
    vera.set_cookie("muster_session", cookie.value)
    assert not is_in(vera)


def test_a_disabled_account_is_out(vera: Browser, session: Session, cast: Cast) -> None:
    lifecycle.disable(session.get_one(User, cast.id("vera")), SYSTEM, clock.now())
    session.commit()
    assert not is_in(vera)


def test_and_stays_out_when_it_is_enabled_again(vera: Browser, session: Session, cast: Cast) -> None:
    user = session.get_one(User, cast.id("vera"))
    lifecycle.disable(user, SYSTEM, clock.now())
    lifecycle.enable(user, SYSTEM, clock.now())
    session.commit()
    assert not is_in(vera)


def test_a_changed_role_ends_it(vera: Browser, session: Session, cast: Cast) -> None:
    lifecycle.change_role(_membership(session, cast), role_of(cast.acme, "operator"), SYSTEM, clock.now())
    session.commit()
    assert not is_in(vera)


def test_leaving_an_organisation_ends_it(vera: Browser, session: Session, cast: Cast) -> None:
    lifecycle.leave(_membership(session, cast), SYSTEM, clock.now())
    session.commit()
    assert not is_in(vera)


def test_a_changed_password_ends_all_but_the_one_that_changed_it(app: Flask, vera: Browser) -> None:
    other = app.test_client().login("vera")  # type: ignore[attr-defined]
    new = {"password": "eleven green bottles", "again": "eleven green bottles"}
    assert vera.post("/me/password", data={"current": PASSWORD, **new}).status_code == 303
    assert is_in(vera)
    assert not is_in(other)


def test_a_wrong_current_password_changes_nothing(vera: Browser, session: Session, cast: Cast) -> None:
    before = session.get_one(User, cast.id("vera")).password_hash
    new = {"password": "eleven green bottles", "again": "eleven green bottles"}
    answer = vera.post("/me/password", data={"current": "guessed words", **new})
    assert answer.status_code == 422 and "This is not your current password" in answer.text
    session.expire_all()
    assert session.get_one(User, cast.id("vera")).password_hash == before


def test_and_cannot_be_guessed_for_long(vera: Browser) -> None:
    guess = {"current": "guessed words", "password": "eleven green bottles", "again": "eleven green bottles"}
    assert [vera.post("/me/password", data=guess).status_code for _ in range(11)] == [422] * 10 + [429]


def test_one_of_ones_own_can_be_ended(app: Flask, vera: Browser) -> None:
    other = app.test_client().login("vera")  # type: ignore[attr-defined]
    cookie = other.get_cookie("muster_session")
    assert "test browser" in vera.get("/me/sessions").text
    assert vera.htmx("POST", f"/me/sessions/{facts.hashed(cookie.value)}/revoke").status_code == 204
    assert is_in(vera)
    assert not is_in(other)


def test_but_not_somebody_elses(app: Flask, vera: Browser) -> None:
    other = app.test_client().login("oscar")  # type: ignore[attr-defined]
    cookie = other.get_cookie("muster_session")
    assert vera.post(f"/me/sessions/{facts.hashed(cookie.value)}/revoke").status_code == 404
    assert is_in(other)


def test_it_ends_after_twelve_hours_without_use(vera: Browser, pass_time) -> None:  # type: ignore[no-untyped-def]
    pass_time(timedelta(hours=11))
    assert is_in(vera)
    pass_time(timedelta(hours=11))
    assert is_in(vera)
    pass_time(timedelta(hours=12, minutes=1))
    assert not is_in(vera)


def test_and_after_a_week_however_busy(vera: Browser, pass_time) -> None:  # type: ignore[no-untyped-def]
    for _ in range(16):
        pass_time(timedelta(hours=10))
        assert is_in(vera)
    pass_time(timedelta(hours=10))
    assert not is_in(vera)


def test_without_the_broker_everything_is_read_from_the_database(
    vera: Browser, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_line", queue.Line())
    assert is_in(vera)
    lifecycle.disable(session.get_one(User, cast.id("vera")), SYSTEM, clock.now())
    session.commit()
    assert not is_in(vera)


def test_facts_that_were_read_before_a_change_are_not_used_after_it(app: Flask, session: Session, cast: Cast) -> None:
    """A request reads the old rights, the change commits, and only then the request stores what it had read."""

    def slow() -> facts.Facts:
        account = facts.account(session.get_one(User, cast.id("vera")))
        session.commit()
        facts.changed()
        session.execute(sa.update(User).where(User.id == cast.id("vera")).values(name="Changed"))
        session.commit()
        return facts.Facts("user", account, clock.now(), clock.now())

    assert facts.known("somebody", slow)
    again: list[int] = []
    facts.known("somebody", lambda: again.append(1))  # type: ignore[arg-type,return-value]
    assert again == [1]


def test_new_rights_of_a_role_count_from_the_next_request_on(client: Browser, session: Session, cast: Cast) -> None:
    from tests import factories
    from webapp.access.permissions import Permission

    role = factories.role(cast.acme, [Permission.TASKS_READ])
    session.flush()
    _membership(session, cast).role_id = role.id
    session.commit()
    client.login("vera")
    assert client.get("/admin/users").status_code == 403
    lifecycle.edit_role(role, role.name, [Permission.USERS_READ], SYSTEM, clock.now())
    session.commit()
    assert client.get("/admin/users").status_code == 200


def test_a_forged_secret_is_nobody(client: Browser) -> None:
    for secret in ("x" * 43, "a.x", "", "é", "../../etc", "0" * 3000):
        client.set_cookie("muster_session", secret)
        assert not is_in(client)


def test_views_cannot_hide_values_in_the_session(app: Flask, client: Browser) -> None:
    """They would be lost without a word: what must last is a row."""
    kept = sessions.BrowserSession()
    kept["cart"] = 1
    with app.test_request_context(), pytest.raises(TypeError, match="cart"):
        sessions.Sessions().save_session(app, kept, app.make_response(""))


def test_old_rows_are_pruned(vera: Browser, session: Session, pass_time) -> None:  # type: ignore[no-untyped-def]
    assert sessions.prune(clock.now()) == 0
    pass_time(timedelta(days=38))
    assert sessions.prune(clock.now()) == session.query(Row).count() + 1 == 1


def _membership(session: Session, cast: Cast) -> Membership:
    return session.query(Membership).filter_by(user_id=cast.id("vera")).one()
