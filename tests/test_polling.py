"""Polls: an unchanged one costs no SQL and no body, a changed one is never missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import HTMX, Browser
from tests.cast import Cast
from webapp import clock, events, polling, queue
from webapp.access import audit, lifecycle
from webapp.access.models import Membership, User
from webapp.access.permissions import Permission
from webapp.db import db
from webapp.events import SYSTEM

URL = "/admin/users"


@pytest.fixture
def alice(client: Browser) -> Browser:
    return client.login("alice")


def poll(client: Browser, tag: str = "", url: str = URL, **headers: str):  # type: ignore[no-untyped-def]
    return client.get(url, headers=HTMX | ({"If-None-Match": tag} if tag else {}) | headers)


def change(session: Session, organization_id: int) -> None:
    events.record(organization_id, "task.moved", "task", 1, SYSTEM, clock.now())
    session.commit()


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note)


def test_an_unchanged_poll_has_no_body_and_asks_no_sql(alice: Browser, statements: list[str]) -> None:
    tag = poll(alice).headers["ETag"]
    statements.clear()
    answer = poll(alice, tag)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert statements == []


def test_the_page_brings_the_tag_of_the_first_poll(alice: Browser) -> None:
    page = alice.get(URL)
    assert page.status_code == 200 and "ETag" not in page.headers
    tag = unescape(page.text.split("data-tag='")[1].split("'")[0])
    assert poll(alice, tag).status_code == 304


def test_news_of_the_organisation_change_it(alice: Browser, session: Session, cast: Cast) -> None:
    tag = poll(alice).headers["ETag"]
    change(session, cast.acme)
    answer = poll(alice, tag)
    assert answer.status_code == 200 and answer.headers["ETag"] != tag


def test_news_of_another_one_do_not(alice: Browser, session: Session, cast: Cast) -> None:
    tag = poll(alice).headers["ETag"]
    change(session, cast.globex)
    assert poll(alice, tag).status_code == 304


def test_so_do_people_that_are_changed(alice: Browser, session: Session, cast: Cast) -> None:
    tag = poll(alice).headers["ETag"]
    lifecycle.edit_user(session.get_one(User, cast.id("vera")), "Vera V", "", SYSTEM, clock.now())
    assert "Vera V" in poll(alice, tag).text


def test_an_undone_change_is_no_news(alice: Browser, session: Session, cast: Cast) -> None:
    tag = poll(alice).headers["ETag"]
    events.record(cast.acme, "task.moved", "task", 1, SYSTEM, clock.now())
    session.rollback()
    assert poll(alice, tag).status_code == 304


def test_every_part_of_the_address_counts(alice: Browser) -> None:
    tags = [poll(alice, url=url).headers["ETag"] for url in (URL, f"{URL}?q=a", f"{URL}?q=b")]
    assert len(set(tags)) == 3
    same = [poll(alice, url=f"{URL}{query}").headers["ETag"] for query in ("?a=1&b=2", "?b=2&a=1", "?b=2&a=1&c=")]
    assert len(set(same)) == 1


def test_a_browser_names_the_element_that_it_will_change_and_still_gets_the_tag_of_the_page(alice: Browser) -> None:
    tag = unescape(alice.get(URL).text.split("data-tag='")[1].split("'")[0])
    assert poll(alice, tag, **{"HX-Target": "section#users"}).status_code == 304


def test_preferences_count(alice: Browser) -> None:
    tag = poll(alice).headers["ETag"]
    alice.post("/me/prefs", data={"tz": "Europe/Amsterdam"})
    assert poll(alice, tag).status_code == 200


def test_rights_count(client: Browser, session: Session, cast: Cast) -> None:
    role = factories.role(cast.acme, [Permission.USERS_READ])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = role.id
    client.login("vera")
    tag = poll(client).headers["ETag"]
    lifecycle.edit_role(role, role.name, [Permission.USERS_READ, Permission.USERS_WRITE], SYSTEM, clock.now())
    assert poll(client, tag).status_code == 200
    lifecycle.edit_role(role, role.name, [Permission.TASKS_READ], SYSTEM, clock.now())
    assert poll(client, tag).status_code == 403


def test_a_signed_out_reader_gets_nothing_from_the_cache(alice: Browser) -> None:
    tag = poll(alice).headers["ETag"]
    assert poll(alice.forget(), tag).status_code == 401


def test_a_changed_fragment_is_rendered_once_for_all_with_the_same_rights(
    app: Flask, alice: Browser, session: Session, cast: Cast, statements: list[str]
) -> None:
    ann = factories.user("ann", cast.acme, "admin")
    other = app.test_client().login(ann.username)  # type: ignore[attr-defined]
    first = poll(alice)
    poll(other)
    statements.clear()
    second = poll(other)
    assert statements == []
    assert (second.text, second.headers["ETag"]) == (first.text, first.headers["ETag"])


def test_each_reader_gets_their_own_form_token(app: Flask, client: Browser, session: Session, cast: Cast) -> None:
    from webapp.access.guards import requires

    @app.get("/with-token")
    @requires(Permission.TASKS_READ)
    @polling.cached
    def with_token() -> str:
        from flask import render_template_string

        return render_template_string("{{ csrf_token() }}{{ csrf_token() }}")

    other = app.test_client().login("oscar")  # type: ignore[attr-defined]
    client.login(factories.user("olga", cast.acme, "operator").username)
    for browser in (client, other, client, other):
        assert poll(browser, url="/with-token").text == browser.form_token() * 2
    assert client.form_token() != other.form_token()


def test_what_is_personal_is_not_shared(app: Flask, client: Browser, session: Session, cast: Cast) -> None:
    from webapp.access.guards import requires
    from webapp.access.principal import principal

    @app.get("/mine")
    @requires(Permission.TASKS_READ)
    @polling.cached(personal=True)
    def mine() -> str:
        return principal.username

    olga = factories.user("olga", cast.acme, "operator").username
    assert poll(client.login("oscar"), url="/mine").text == "oscar"
    assert poll(client.login(olga), url="/mine").text == "olga"


def test_what_depends_on_the_time_is_renewed(app: Flask, client: Browser, pass_time) -> None:  # type: ignore[no-untyped-def]
    from webapp.access.guards import requires

    @app.get("/now")
    @requires(Permission.TASKS_READ)
    @polling.cached(every=60)
    def now() -> str:
        return str(clock.now())

    client.login("oscar")
    tag = poll(client, url="/now").headers["ETag"]
    pass_time(timedelta(seconds=61))
    assert poll(client, tag, url="/now").status_code == 200


def test_without_the_broker_it_is_rendered(alice: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    tag = poll(alice).headers["ETag"]
    monkeypatch.setattr(queue, "_line", queue.Line())
    answer = poll(alice, tag)
    assert answer.status_code == 200 and "ETag" not in answer.headers


def test_a_broker_that_forgot_everything_makes_new_tags(alice: Browser, session: Session, cast: Cast, settings) -> None:  # type: ignore[no-untyped-def]
    """Counters that start again could otherwise come back to the number that an old tag was made with."""
    tag = poll(alice).headers["ETag"]
    queue.client(settings).flushall()
    assert poll(alice, tag).status_code == 200


def test_history_and_plain_requests_get_the_page(alice: Browser) -> None:
    tag = poll(alice).headers["ETag"]
    restored = alice.get(URL, headers={"HX-History-Restore-Request": "true", "If-None-Match": tag})
    assert restored.status_code == 200 and "<!doctype html>" in restored.text
    full = alice.get(URL, headers=HTMX | {"HX-Request-Type": "full", "If-None-Match": tag})
    assert "<!doctype html>" in full.text
    assert "HX-Request" in restored.headers["Vary"]


def test_errors_are_not_kept(alice: Browser) -> None:
    assert poll(alice, url="/admin/audit?since=soon").status_code == 422
    assert poll(alice, url="/admin/audit?since=soon").status_code == 422


def test_an_audit_row_is_news(alice: Browser, session: Session, cast: Cast) -> None:
    tag = poll(alice, url="/admin/audit").headers["ETag"]
    audit.record(cast.acme, "thing.change", "thing", SYSTEM, clock.now())
    assert "thing.change" in poll(alice, tag, url="/admin/audit").text
