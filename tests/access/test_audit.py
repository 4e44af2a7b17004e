"""The audit log: nothing is done without it, nothing in it can be changed."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import HTMX, Browser
from tests.cast import Cast
from webapp import clock
from webapp.access import audit
from webapp.access.guards import requires
from webapp.access.models import Audit, Membership, Role, User
from webapp.access.permissions import Permission
from webapp.bulk import change
from webapp.db import db, unit
from webapp.events import SYSTEM, Actor

ANA = Actor("user", "ana", 7)


def recorded(session: Session, organization_id: int | None, count: int = 3) -> None:
    for number in range(count):
        audit.record(
            organization_id, "thing.change", f"thing {number}", ANA, clock.now(), {"n": number}, {"n": number + 1}
        )
    session.commit()


# --- the chain


def test_each_organisation_has_its_own_chain(session: Session, cast: Cast) -> None:
    for organization_id in (cast.acme, cast.globex, None):
        recorded(session, organization_id)
    assert audit.chain(clock.now()) > 9
    session.commit()
    for organization_id in (cast.acme, cast.globex, None):
        rows = session.scalars(sa.select(Audit).where(audit._of(Audit, organization_id)).order_by(Audit.seq)).all()
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert [row.prev_hash for row in rows] == [audit.START, *(row.hash for row in rows[:-1])]
        assert list(audit.verify(organization_id)) == []


def test_what_comes_later_is_linked_to_what_was_there(session: Session, cast: Cast) -> None:
    audit.chain(clock.now())
    recorded(session, cast.acme)
    assert audit.chain(clock.now()) == 3
    assert audit.chain(clock.now()) == 0
    assert list(audit.verify(cast.acme)) == []


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit SET actor = 'nobody'", "UPDATE audit SET after = NULL", "UPDATE audit SET hash = 'x'",
     "UPDATE audit SET seq = seq + 1", "DELETE FROM audit"],
)  # fmt: skip
def test_the_database_refuses_every_change(session: Session, cast: Cast, change: str) -> None:
    recorded(session, cast.acme)
    audit.chain(clock.now())
    session.commit()
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(sa.text(change))


@pytest.mark.parametrize(
    ("change", "found"),
    [("UPDATE audit SET actor = 'nobody' WHERE seq = 5", "entry 5 was changed"),
     ("DELETE FROM audit WHERE seq = 5", "entries 5 to 5 are missing"),
     ("UPDATE audit SET prev_hash = 'x' WHERE seq = 5", "entry 5 does not follow")],
)  # fmt: skip
def test_who_gets_past_the_database_is_found_out(session: Session, cast: Cast, change: str, found: str) -> None:
    from webapp import schema

    recorded(session, cast.acme)
    audit.chain(clock.now())
    schema.drop_triggers(session.connection())
    session.execute(sa.text(f"{change} AND organization_id = {cast.acme}"))
    session.expire_all()
    assert any(text.startswith(found) for text in list(audit.verify(cast.acme)))
    session.rollback()


def test_retention_removes_a_beginning_and_the_rest_still_verifies(session: Session, cast: Cast) -> None:
    now = clock.now()
    old = now + timedelta(days=200)
    for days in (0, 100, 390):
        audit.record(cast.acme, "thing.change", "thing", ANA, now + timedelta(days=days))
        audit.record(cast.globex, "thing.change", "thing", ANA, now + timedelta(days=days))
    audit.chain(now)
    kept = session.query(Audit).filter_by(organization_id=cast.globex).count()
    before = session.query(Audit).filter(Audit.organization_id == cast.acme, Audit.at < old).count()
    removed = audit.prune(cast.acme, old, now)
    session.commit()
    assert removed == before > 2
    assert list(audit.verify(cast.acme)) == []
    assert session.query(Audit).filter_by(organization_id=cast.globex).count() == kept
    audit.record(cast.acme, "thing.change", "thing", ANA, old)
    audit.chain(now)
    assert list(audit.verify(cast.acme)) == []
    assert audit.prune(cast.acme, old, now) == 0


# --- no action without a row


@pytest.fixture
def rename(app: Flask) -> None:
    """A view whose verb knows nothing of the audit log."""

    @app.post("/rename/<int:role_id>")
    @requires(Permission.USERS_WRITE)
    def rename(role_id: int) -> str:
        from flask import request

        from webapp.access.guards import get_or_404

        get_or_404(Role, id=role_id).name = "Renamed"
        db.session.flush()
        if "fail" in request.args:
            raise ZeroDivisionError
        if "rollback" in request.args:
            db.session.rollback()
        db.session.commit()
        return ""


@pytest.mark.usefixtures("rename")
class TestAnActionThatNobodyWroteDown:
    def test_gets_a_plain_row_in_the_same_transaction(self, client: Browser, session: Session, cast: Cast) -> None:
        role = factories.role(cast.acme, [])
        client.login("alice").post(f"/rename/{role.id}")
        row = session.query(Audit).order_by(Audit.id.desc()).first()
        assert row and (row.action, row.object, row.actor) == ("rename", f"/rename/{role.id}", "alice")
        assert row.organization_id == cast.acme

    @pytest.mark.parametrize("end", ["fail", "rollback"])
    def test_and_none_when_it_was_undone(self, client: Browser, session: Session, cast: Cast, end: str) -> None:
        role = factories.role(cast.acme, [], name="Before")
        client.login("alice").post(f"/rename/{role.id}?{end}=1")
        assert session.get_one(Role, role.id).name == "Before"
        assert session.query(Audit).filter_by(action="rename").count() == 0


def test_reading_leaves_no_row(client: Browser, session: Session) -> None:
    before = session.query(Audit).count()
    client.login("alice").get("/admin/users")
    assert session.query(Audit).count() == before


def test_loops_write_none(app: Flask, session: Session, cast: Cast) -> None:
    before = session.query(Audit).count()
    session.commit()
    with unit(app, "loop") as own:
        own.get_one(User, cast.id("vera")).name = "Changed"
    assert session.query(Audit).count() == before


def test_an_act_is_recorded_whatever_way_it_writes(app: Flask, session: Session, cast: Cast) -> None:
    user = sa.update(User).where(User.id == cast.id("vera")).values(name="Changed")
    with unit(app, "an act across organisations"):
        audit.begin(audit.Act(ANA, "user.change", "user vera"))
        assert change(user) == 1
    assert session.query(Audit).filter_by(action="user.change").count() == 1


# --- denials


def test_a_refused_action_is_written_down_once_a_minute(client: Browser, session: Session, cast: Cast) -> None:
    client.login("vera")
    for _ in range(3):
        assert client.post("/admin/users/oscar/disable").status_code == 403
    row = session.query(Audit).filter_by(action="denied").one()
    assert (row.actor, row.object, row.organization_id) == ("vera", "users.disable", cast.acme)
    assert row.after == {"method": "POST", "path": "/admin/users/oscar/disable", "needs": "endpoints:users:write"}


def test_who_can_help_is_named(client: Browser, session: Session, cast: Cast) -> None:
    factories.user("ann", cast.acme, "admin")
    role = factories.role(cast.acme, [Permission.USERS_READ])
    session.query(Membership).filter_by(user_id=cast.id("vera")).one().role_id = role.id
    page = client.login("vera").post(f"/admin/roles/{role.id}/delete", headers=HTMX)
    assert page.status_code == 403
    text = page.headers["HX-Trigger"]
    assert "You cannot change users" in text


# --- the page


def test_the_page_filters_and_pages(client: Browser, session: Session, cast: Cast) -> None:
    recorded(session, cast.acme, 60)
    client.login("alice")
    first = client.get("/admin/audit?action=thing")
    assert first.text.count("thing.change") == 50
    older = first.text.split('id="page-older"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(older).text.count("thing.change") == 10
    assert client.get("/admin/audit?q=THING+59").text.count("thing.change") == 1
    assert "No entry matches" in client.get("/admin/audit?since=2099-01-01").text
    assert client.get("/admin/audit?since=soon").status_code == 422


def test_it_shows_ones_own_organisations(client: Browser, session: Session, cast: Cast) -> None:
    recorded(session, cast.globex)
    recorded(session, None)
    assert "thing.change" not in client.login("alice").get("/admin/audit").text
    assert client.login("sid").get("/admin/audit").text.count("thing.change") == 6
    client.post("/me/prefs", data={"org": "globex"})
    assert client.get("/admin/audit").text.count("thing.change") == 3


def test_what_it_shows_cannot_run(client: Browser, session: Session, cast: Cast) -> None:
    audit.record(cast.acme, "x", "<script>alert(1)</script>", ANA, clock.now(), {"a": "</pre><img src=x>"})
    page = client.login("alice").get("/admin/audit").text
    assert "<script>alert" not in page and "<img" not in page


def test_it_is_exported_without_formulas(client: Browser, session: Session, cast: Cast) -> None:
    audit.record(cast.acme, "x", "=HYPERLINK(1)", Actor("user", "@ana"), clock.now())
    answer = client.login("alice").get("/admin/audit/export.csv?action=x")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["object"], row["actor"]) for row in rows] == [("'=HYPERLINK(1)", "'@ana")]
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit.csv"


def test_the_actor_is_kept_by_name(session: Session, cast: Cast) -> None:
    audit.record(cast.acme, "x", "y", SYSTEM, clock.now())
    assert session.query(Audit).filter_by(action="x").one().actor == "Muster"
