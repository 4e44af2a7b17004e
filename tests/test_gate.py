"""The gate before Flask answers known polls, and nothing else. What Flask answers has a request id."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import HTMX, Browser
from tests.cast import Cast
from webapp import clock, events
from webapp.access import lifecycle
from webapp.access.models import User
from webapp.access.permissions import ADMIN
from webapp.events import SYSTEM
from webapp.polling import Kind

URL = "/admin/users"


@pytest.fixture
def alice(client: Browser) -> Browser:
    return client.login("alice")


@pytest.fixture
def tag(alice: Browser) -> str:
    return alice.get(URL, headers=HTMX).headers["ETag"]


def ask(client: Browser, tag: str, url: str = URL, **headers: str):  # type: ignore[no-untyped-def]
    return client.get(url, headers=HTMX | {"If-None-Match": tag} | headers)


def by_gate(answer) -> bool:  # type: ignore[no-untyped-def]
    return "X-Request-Id" not in answer.headers


def test_it_answers_an_unchanged_poll(alice: Browser, tag: str) -> None:
    answer = ask(alice, tag)
    assert by_gate(answer) and (answer.status_code, answer.data) == (304, b"")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_proxy_may_have_weakened_the_tag(alice: Browser, tag: str) -> None:
    assert ask(alice, f"W/{tag}").status_code == 304


def test_it_hands_out_a_fragment_that_was_rendered_for_the_same_rights(
    app: Flask, alice: Browser, session: Session, cast: Cast, tag: str
) -> None:
    ann = app.test_client().login(  # type: ignore[attr-defined]
        factories.user("ann", cast.acme, "admin").username
    )
    first, warm, again = ask(ann, tag), ask(alice, tag), ask(alice, tag)
    assert warm.text == first.text
    assert not by_gate(first) and by_gate(again)
    assert (again.status_code, again.text) == (200, first.text)
    assert again.content_type == first.content_type
    assert again.headers["ETag"] == first.headers["ETag"] != tag


def test_never_for_other_rights(client: Browser, alice: Browser, tag: str) -> None:
    assert ask(alice, tag).status_code == 304
    for who, status in (("oscar", 403), ("mallory", 200)):
        answer = ask(client.login(who), tag)
        assert not by_gate(answer) and answer.status_code == status
    assert ask(client.forget(), tag).status_code == 401


@pytest.mark.parametrize("end", [lifecycle.disable, lifecycle.enable])
def test_a_change_of_the_account_counts_at_once(alice: Browser, session: Session, cast: Cast, tag: str, end) -> None:  # type: ignore[no-untyped-def]
    end(session.get_one(User, cast.id("alice")), SYSTEM, clock.now())
    assert ask(alice, tag).status_code == (401 if end is lifecycle.disable else 200)


def test_a_session_that_has_run_out_does_not_pass(alice: Browser, tag: str, pass_time) -> None:  # type: ignore[no-untyped-def]
    pass_time(timedelta(hours=13))
    assert ask(alice, tag).status_code == 401


def test_one_that_is_to_be_noted_goes_on_to_flask(alice: Browser, tag: str, pass_time) -> None:  # type: ignore[no-untyped-def]
    pass_time(timedelta(minutes=6))
    noted = ask(alice, tag)
    assert not by_gate(noted) and noted.status_code == 304
    assert [by_gate(ask(alice, tag)) for _ in range(2)] == [False, True]


def test_who_must_choose_a_password_is_sent_there(alice: Browser, session: Session, cast: Cast, tag: str) -> None:
    session.get_one(User, cast.id("alice")).must_change_password = True
    lifecycle.facts.changed()
    assert ask(alice, tag).headers["HX-Redirect"] == "/me/password"


def test_keys_full_pages_and_other_methods_go_on_to_flask(
    alice: Browser, session: Session, cast: Cast, tag: str
) -> None:
    text, _ = factories.token(cast.id("alice"), cast.acme, ADMIN)
    assert not by_gate(ask(alice, tag, Authorization=f"Bearer {text}"))
    assert not by_gate(ask(alice, tag, **{"HX-Request-Type": "full"}))
    assert not by_gate(alice.get(URL, headers={"If-None-Match": tag}))
    assert not by_gate(alice.post(URL, headers=HTMX | {"If-None-Match": tag}))


@pytest.mark.parametrize("given", ["", "*", '"v1-x"', '"v1q-' + "0" * 32 + '"', '"v1e9999999-' + "0" * 32 + '"', "é"])
def test_no_tag_of_ours_goes_on_to_flask(alice: Browser, tag: str, given: str) -> None:
    assert not by_gate(ask(alice, given))


def test_a_reader_cannot_talk_it_out_of_being_personal(client: Browser, session: Session, cast: Cast) -> None:
    """The audit log's tag is the reader's own; one that claims not to be is only unknown."""
    client.login("alice")
    own = client.get("/admin/audit", headers=HTMX).headers["ETag"]
    assert own.startswith('"v1p-')
    other = factories.user("ann", cast.acme, "admin").username
    client.login(other)
    events.record(cast.acme, "task.moved", "task", 1, SYSTEM, clock.now())
    assert not by_gate(ask(client, own.replace("v1p-", "v1-"), "/admin/audit"))


@pytest.mark.parametrize("cookie", ["muster_session", "=", "a=b; muster_session", 'muster_session="', "\x01", "; ;"])
def test_odd_cookies_are_nobodys(client: Browser, tag: str, cookie: str) -> None:
    client.forget()
    headers = HTMX | {"If-None-Match": tag, "Cookie": cookie}
    assert client.get(URL, headers=headers, csrf=False).status_code == 401


@pytest.mark.parametrize("kind", [Kind(), Kind(True), Kind(wide=True), Kind(True, True, 60)])
def test_a_kind_is_read_back_from_its_tag(kind: Kind) -> None:
    assert Kind.of(f'"{kind}-{"0" * 32}"') == kind
