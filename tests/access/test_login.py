"""Signing in: who gets in, who learns what, and how often one may try."""

from __future__ import annotations

from typing import ClassVar

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.browser import HTMX, Browser
from tests.cast import PASSWORD, Cast
from webapp import config, queue, security
from webapp.access import passwords
from webapp.access.models import Audit, User
from webapp.access.models import Session as Row

WRONG = "Check your user name and password, then try again"


def sign_in(client: Browser, username: str = "alice", password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]
    client.get("/login")
    return client.post("/login", data={"username": username, "password": password, **more})


def test_the_right_password_opens_the_page_that_was_asked_for(client: Browser) -> None:
    asked = client.get("/me/tokens?x=1")
    assert (asked.status_code, asked.location) == (302, "/login?next=%2Fme%2Ftokens%3Fx%3D1")
    assert 'value="/me/tokens?x=1"' in client.get(asked.location).text
    answer = sign_in(client, next="/me/tokens?x=1")
    assert (answer.status_code, answer.location) == (303, "/me/tokens?x=1")
    assert client.get("/me").status_code == 200


def test_the_user_name_may_be_written_in_capitals(client: Browser) -> None:
    assert sign_in(client, "ALICE").status_code == 303


def test_a_wrong_password_keeps_what_was_typed(client: Browser) -> None:
    answer = sign_in(client, "alice", "wrong")
    assert answer.status_code == 422
    assert WRONG in answer.text
    assert 'value="alice"' in answer.text
    assert "wrong" not in answer.text.split("<form")[1]


def test_unknown_and_disabled_people_get_the_same_answer(client: Browser, session: Session, cast: Cast) -> None:
    session.get_one(User, cast.id("vera")).active = False
    session.commit()
    pages = [sign_in(client.forget(), name, "wrong words here") for name in ("alice", "nobody", "vera")]
    assert {page.status_code for page in pages} == {422}
    assert (
        len({page.text.replace(name, "") for page, name in zip(pages, ("alice", "nobody", "vera"), strict=True)}) <= 3
    )
    assert all(WRONG in page.text for page in pages)
    assert sign_in(client.forget(), "vera").status_code == 422


def test_an_unknown_name_costs_as_much_as_a_known_one(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(passwords.PasswordHasher):
        verified: ClassVar[list[str]] = []

        def verify(self, hash: str, password: str) -> bool:  # type: ignore[override]
            self.verified.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Counting(memory_cost=8, time_cost=1, parallelism=1))
    sign_in(client, "alice", "wrong")
    sign_in(client, "nobody", "wrong")
    known, unknown = Counting.verified
    assert known != unknown
    assert known.rpartition("$")[0].rpartition("$")[0] == unknown.rpartition("$")[0].rpartition("$")[0]  # parameters


def test_nobody_is_never_the_right_password() -> None:
    assert not passwords.verify(None, "")


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
     "javascript:alert(1)", " //evil.example", "http:evil.example", "", "me"],
)  # fmt: skip
def test_it_never_leads_to_another_host(client: Browser, target: str) -> None:
    assert sign_in(client, next=target).location == "/"


def test_signing_in_gives_a_new_secret(client: Browser) -> None:
    """Nobody can plant a session before and use it afterwards."""
    client.get("/login")
    before = client.get_cookie("muster_session")
    sign_in(client)
    after = client.get_cookie("muster_session")
    assert before and after and before.value != after.value
    assert client.forget().get("/me").status_code == 302


def test_only_the_hash_of_the_secret_is_kept(client: Browser, session: Session) -> None:
    sign_in(client)
    cookie = client.get_cookie("muster_session")
    assert cookie and session.get(Row, cookie.value) is None
    assert session.query(Row).count() == 1


def test_the_cookie_is_for_this_host_alone(client: Browser) -> None:
    plain = sign_in(client).headers["Set-Cookie"]
    assert plain.startswith("muster_session=")
    assert all(part in plain for part in ("HttpOnly", "SameSite=Lax", "Path=/")) and "Secure" not in plain


def test_over_tls_browsers_are_told_to_keep_it_there(app: Flask) -> None:
    client = app.test_client()
    page = client.get("/login", base_url="https://localhost")
    token = page.text.split('csrf-token" content="')[1].split('"')[0]
    answer = client.post(
        "/login", base_url="https://localhost", data={"username": "alice", "password": PASSWORD, "csrf_token": token}
    )
    kept = answer.headers["Set-Cookie"]
    assert answer.status_code == 303
    assert kept.startswith("__Host-muster=") and "Secure" in kept and "Domain" not in kept
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


def test_no_password_goes_over_plain_http_to_another_machine(app: Flask, client: Browser) -> None:
    settings = app.extensions["settings"]
    app.extensions["settings"] = config.load({"MUSTER_DATA": str(settings.data), "MUSTER_HOST": "0.0.0.0"})
    refused = client.post("/login", base_url="http://muster.lan", data={"username": "alice", "password": PASSWORD})
    assert refused.status_code == 403
    app.extensions["settings"] = config.load(
        {"MUSTER_DATA": str(settings.data), "MUSTER_HOST": "0.0.0.0", "MUSTER_URL": "http://muster.lan"}
    )
    assert "plain http" not in client.post("/login", base_url="http://muster.lan").text


def test_ten_wrong_passwords_are_enough(client: Browser) -> None:
    for _ in range(10):
        assert sign_in(client, "alice", "wrong").status_code == 422
    answer = sign_in(client, "alice", "wrong")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900


def test_others_cannot_lock_the_owner_out(client: Browser) -> None:
    for _ in range(12):
        sign_in(client, "alice", "wrong")
    client.get("/login")
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    data = {"username": "alice", "password": PASSWORD}
    assert client.post("/login", data=data, environ_overrides=elsewhere).status_code == 303


def test_one_address_cannot_try_many_names(client: Browser) -> None:
    answers = [sign_in(client, f"name-{number}", "wrong").status_code for number in range(52)]
    assert answers == [422] * 50 + [429] * 2


def test_the_limits_hold_without_the_broker(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_line", queue.Line())
    monkeypatch.setattr(security, "_own", security.Counts())
    answers = [sign_in(client, "oscar", "wrong").status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


def test_a_success_forgives_what_came_before(client: Browser, session: Session, cast: Cast) -> None:
    for _ in range(9):
        sign_in(client, "alice", "wrong")
    assert sign_in(client).status_code == 303
    assert sign_in(client.forget(), "alice", "wrong").status_code == 422
    assert session.get_one(User, cast.id("alice")).failed_logins == 1


def test_every_attempt_is_in_the_audit_log(client: Browser, session: Session, cast: Cast) -> None:
    sign_in(client, "alice", "wrong")
    sign_in(client, "who-is-that", "wrong")
    sign_in(client)
    client.post("/logout")
    rows = session.query(Audit).filter(Audit.action.like("sign_%")).order_by(Audit.id).all()
    assert [(row.action, row.object, row.organization_id) for row in rows] == [
        ("sign_in.failed", "user alice", cast.acme),
        ("sign_in.failed", "user who-is-that", None),
        ("sign_in", "user alice", cast.acme),
        ("sign_out", "user alice", cast.acme),
    ]
    assert {row.ip for row in rows} == {"127.0.0.1"}


def test_an_outdated_hash_is_renewed(client: Browser, session: Session, cast: Cast) -> None:
    user = session.get_one(User, cast.id("alice"))
    old = user.password_hash = passwords.PasswordHasher(memory_cost=16, time_cost=1, parallelism=1).hash(PASSWORD)
    session.commit()
    assert sign_in(client).status_code == 303
    session.refresh(user)
    assert user.password_hash != old and passwords.verify(user.password_hash, PASSWORD)


def test_a_button_of_a_lapsed_page_leads_to_the_login(client: Browser) -> None:
    answer = client.htmx("POST", "/me/prefs", headers={"HX-Current-URL": "http://localhost/me/appearance?a=1"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=%2Fme%2Fappearance%3Fa%3D1")


def test_a_poll_of_a_lapsed_page_does_not(client: Browser) -> None:
    """What somebody has typed there must survive."""
    answer = client.get("/me/sessions", headers=HTMX | {"If-None-Match": '"v1-old"'})
    assert answer.status_code == 401
    assert "HX-Redirect" not in answer.headers
    assert "signed-out" in answer.headers["HX-Trigger"]


def test_who_is_signed_in_already_goes_on(client: Browser) -> None:
    assert client.login("alice").get("/login?next=/me").location == "/me"


def test_a_password_that_others_know_is_changed_first(client: Browser, session: Session, cast: Cast) -> None:
    session.get_one(User, cast.id("vera")).must_change_password = True
    session.commit()
    client.login("vera")
    assert client.get("/me").location == "/me/password"
    assert client.htmx("GET", "/me/sessions").headers["HX-Redirect"] == "/me/password"
    assert client.get("/me/sessions", headers={"Accept": "application/json"}).status_code == 403
    changed = client.post(
        "/me/password", data={"current": PASSWORD, "password": "eleven green bottles", "again": "eleven green bottles"}
    )
    assert changed.status_code == 303
    assert client.get("/me").status_code == 200
