"""API tokens: shown once, never worth more than their owner, gone when revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import Browser
from tests.cast import Cast, role_of
from webapp import clock
from webapp.access import lifecycle, login, sessions, tokens
from webapp.access.models import Audit, Membership, Token, User
from webapp.access.permissions import ADMIN, OPERATOR, Permission
from webapp.events import SYSTEM

USERS = "/admin/users"


def asked(client: Browser, text: str, url: str = USERS, header: str = "Authorization") -> int:
    value = f"Bearer {text}" if header == "Authorization" else text
    return client.get(url, headers={header: value, "Accept": "application/json"}).status_code


@pytest.fixture
def text(session: Session, cast: Cast) -> str:
    return factories.token(cast.id("alice"), cast.acme, ADMIN)[0]


def test_it_opens_what_its_permissions_say(client: Browser, session: Session, cast: Cast, text: str) -> None:
    assert asked(client, text) == 200
    assert asked(client, text, header="X-API-Key") == 200
    weak, _ = factories.token(cast.id("alice"), cast.acme, [Permission.TASKS_READ])
    assert asked(client, weak) == 403


def test_it_gets_no_cookie(client: Browser, text: str) -> None:
    assert "Set-Cookie" not in client.get(USERS, headers={"Authorization": f"Bearer {text}"}).headers


@pytest.mark.parametrize(
    "spoil",
    [lambda t: t[:-1], lambda t: t + "x", lambda t: "tok_1_", lambda t: "tok__x", lambda t: "tok_99_" + t.split("_")[2],
     lambda t: "tok_999999999999999999999_x", lambda t: t.replace("tok_", "TOK_"), lambda t: "", lambda t: "Bearer",
     lambda t: "tok_²_x"],
)  # fmt: skip
def test_anything_else_is_nobody(client: Browser, text: str, spoil) -> None:  # type: ignore[no-untyped-def]
    assert asked(client, spoil(text)) == 401


def test_the_challenge_says_what_is_wanted(client: Browser) -> None:
    answer = client.get(USERS, headers={"Authorization": "Basic YTpi", "Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"


def test_it_ends_when_it_is_revoked(client: Browser, session: Session, text: str) -> None:
    assert asked(client, text) == 200
    tokens.revoke(session.query(Token).one(), SYSTEM, clock.now())
    assert asked(client, text) == 401


def test_and_when_its_time_is_over(client: Browser, session: Session, cast: Cast, pass_time) -> None:  # type: ignore[no-untyped-def]
    text, _ = factories.token(cast.id("alice"), cast.acme, ADMIN, timedelta(days=1))
    assert asked(client, text) == 200
    pass_time(timedelta(days=1, seconds=1))
    assert asked(client, text) == 401


def test_and_with_its_owner(client: Browser, session: Session, cast: Cast, text: str) -> None:
    assert asked(client, text) == 200
    lifecycle.disable(session.get_one(User, cast.id("alice")), SYSTEM, clock.now())
    assert asked(client, text) == 401


def test_it_is_never_worth_more_than_its_owner_is_now(client: Browser, session: Session, cast: Cast, text: str) -> None:
    assert asked(client, text) == 200
    membership = session.query(Membership).filter_by(user_id=cast.id("alice")).one()
    lifecycle.change_role(membership, role_of(cast.acme, "viewer"), SYSTEM, clock.now())
    assert asked(client, text) == 403


def test_it_sees_one_organisation(client: Browser, session: Session, cast: Cast) -> None:
    text, _ = factories.token(cast.id("sid"), cast.acme, ADMIN)
    page = client.get(USERS, headers={"Authorization": f"Bearer {text}"}).text
    assert "alice" in page and "mallory" not in page
    assert asked(client, text, f"{USERS}/mallory") == 404
    assert asked(client, text, "/admin/organizations/globex") == 404


def test_a_superadmins_token_is_no_superadmin(client: Browser, session: Session, cast: Cast) -> None:
    text, _ = factories.token(cast.id("sid"), cast.acme, ADMIN)
    data = {"name": "New", "slug": "new"}
    assert client.post("/admin/organizations", data=data, headers={"X-API-Key": text}).status_code == 403


def test_it_is_no_person(client: Browser, text: str) -> None:
    for url in ("/me", "/me/tokens", "/me/sessions"):
        assert asked(client, text, url) == 403


def test_its_use_is_noted_once_a_minute(client: Browser, session: Session, text: str, pass_time) -> None:  # type: ignore[no-untyped-def]
    pass_time(timedelta(minutes=2))
    asked(client, text)
    first = session.query(Token).one().used_at
    asked(client, text)
    session.expire_all()
    assert first and session.query(Token).one().used_at == first
    pass_time(timedelta(minutes=2))
    asked(client, text)
    assert session.query(Token).one().used_at > first  # type: ignore[operator]


def test_it_may_ask_six_hundred_times_a_minute(client: Browser, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "BY_TOKEN", login.Limit("token", times=3, seconds=60))
    assert [asked(client, text) for _ in range(4)] == [200, 200, 200, 429]


def test_a_person_makes_one_and_sees_it_once(client: Browser, session: Session, cast: Cast) -> None:
    client.login("oscar")
    data = {"name": "ci", "organization": cast.acme, "expires": "90", "permissions": ["endpoints:tasks:read"]}
    page = client.post("/me/tokens", data=data)
    token = session.query(Token).one()
    assert page.status_code == 201 and f"tok_{token.id}_" in page.text
    shown = page.text.split('id="token-text"')[1].split("<code>")[1].split("<")[0]
    assert tokens.facts.hashed(shown.split("_", 2)[2]) == token.secret_hash
    assert f"tok_{token.id}_" not in client.get("/me/tokens").text
    assert timedelta(days=89) < token.expires_at - clock.now() < timedelta(days=91)  # type: ignore[operator]
    assert session.query(Audit).filter_by(action="token.create").one().after["permissions"] == ["endpoints:tasks:read"]  # type: ignore[index]


def test_but_not_with_more_than_they_have(client: Browser, session: Session, cast: Cast) -> None:
    client.login("oscar")
    for wrong in ("endpoints:users:write", "endpoints:tasks:delete"):
        data = {"name": "ci", "organization": cast.acme, "expires": "90", "permissions": [wrong]}
        assert client.post("/me/tokens", data=data).status_code == 422
    assert session.query(Token).count() == 0


def test_nor_for_an_organisation_where_they_have_less(client: Browser, session: Session, cast: Cast) -> None:
    client.login("bea")
    data = {"name": "ci", "organization": cast.globex, "expires": "90", "permissions": sorted(OPERATOR)}
    assert client.post("/me/tokens", data=data).status_code == 403
    data["organization"] = 99
    assert client.post("/me/tokens", data=data).status_code == 422
    assert session.query(Token).count() == 0


def test_their_owner_revokes_them_and_nobody_else(client: Browser, session: Session, text: str) -> None:
    number = text.split("_")[1]
    assert client.login("oscar").post(f"/me/tokens/{number}/revoke").status_code == 404
    assert client.login("alice").htmx("POST", f"/me/tokens/{number}/revoke").status_code == 204
    assert asked(client, text) == 401


def test_the_actor_is_the_owner_by_the_token(client: Browser, session: Session, cast: Cast, text: str) -> None:
    client.post(f"{USERS}/vera", data={"name": "V"}, headers={"X-API-Key": text})
    row = session.query(Audit).filter_by(action="user.edit").one()
    assert (row.actor_kind, row.actor_id) == ("token", cast.id("alice"))
    assert row.actor.startswith("alice/token-")


def test_sessions_do_not_end_with_a_token(client: Browser, session: Session, text: str) -> None:
    client.login("alice")
    tokens.revoke(session.query(Token).one(), SYSTEM, clock.now())
    assert client.get("/me").status_code == 200
    assert sessions.prune(clock.now()) == 0
