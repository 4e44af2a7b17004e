"""The organisation cannot be forgotten: enforced below every query, on both databases."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased, joinedload

from tests.cast import BEGUN, Cast
from webapp import clock, events
from webapp.access.models import Membership, Organization, Role, User
from webapp.db import ScopeMissing, db, scope_to, unit, writing_to
from webapp.events import SYSTEM, Event


def organizations(rows: object) -> set[int]:
    return {row if isinstance(row, int) else row.organization_id for row in rows}  # type: ignore[attr-defined]


# --- reading


def test_a_select_sees_one_organisation(acme: Session, cast: Cast) -> None:
    assert organizations(acme.scalars(sa.select(Role))) == {cast.acme}


def test_so_does_a_select_of_columns(acme: Session, cast: Cast) -> None:
    assert set(acme.scalars(sa.select(Role.organization_id))) == {cast.acme}


def test_and_a_count(acme: Session) -> None:
    assert acme.scalar(sa.select(sa.func.count()).select_from(Role)) == 3


def test_and_a_get(app: Flask, acme: Session, cast: Cast) -> None:
    foreign = _foreign_role(app, cast)
    assert acme.get(Role, foreign) is None


def test_and_an_alias(acme: Session, cast: Cast) -> None:
    other = aliased(Role)
    assert set(acme.scalars(sa.select(other.organization_id))) == {cast.acme}


def test_and_a_join_to_a_table_that_belongs_to_nobody(acme: Session, cast: Cast) -> None:
    found = acme.scalars(sa.select(User.username).join(Membership, Membership.user_id == User.id))
    assert set(found) == {"alice", "oscar", "vera", "bea"}


def test_and_a_subquery_of_a_table_that_belongs_to_nobody(acme: Session) -> None:
    found = acme.scalars(sa.select(User.username).where(User.id.in_(sa.select(Membership.user_id))))
    assert set(found) == {"alice", "oscar", "vera", "bea"}


def test_and_an_exists(acme: Session) -> None:
    found = acme.scalars(sa.select(User.username).where(sa.exists().where(Membership.user_id == User.id)))
    assert set(found) == {"alice", "oscar", "vera", "bea"}


def test_and_a_union(acme: Session, cast: Cast) -> None:
    both = sa.union_all(sa.select(Role.organization_id), sa.select(Membership.organization_id))
    assert set(acme.scalars(sa.select(both.subquery().c.organization_id))) == {cast.acme}


def test_and_a_relation(acme: Session) -> None:
    members = acme.scalars(sa.select(Membership).options(joinedload(Membership.role))).all()
    assert {member.role.organization_id for member in members} == {member.organization_id for member in members}


def test_several_organisations_can_be_read(acme: Session, cast: Cast) -> None:
    scope_to([cast.acme, cast.globex])
    assert organizations(acme.scalars(sa.select(Role))) == {cast.acme, cast.globex}


def test_a_narrower_scope_is_not_served_from_the_wider_ones_statement(acme: Session, cast: Cast) -> None:
    for scope in ([cast.globex], [cast.acme, cast.globex], [cast.acme], []):
        scope_to(scope)
        assert organizations(acme.scalars(sa.select(Role))) == set(scope)


def test_rows_of_an_earlier_scope_are_forgotten(acme: Session, cast: Cast) -> None:
    role = acme.scalars(sa.select(Role)).first()
    assert role is not None
    scope_to([cast.globex])
    assert acme.get(Role, role.id) is None


def test_without_a_scope_reading_raises(app: Flask) -> None:
    with app.app_context(), pytest.raises(ScopeMissing):
        db.session.scalars(sa.select(Role)).all()


def test_also_when_the_rows_hide_in_a_subquery(app: Flask) -> None:
    with app.app_context(), pytest.raises(ScopeMissing):
        db.session.scalars(sa.select(User).where(User.id.in_(sa.select(Membership.user_id)))).all()


def test_tables_that_belong_to_nobody_need_no_scope(app: Flask) -> None:
    with app.app_context():
        assert db.session.scalar(sa.select(sa.func.count(User.id))) == 6


@pytest.mark.parametrize("statement", [sa.text("SELECT 1"), sa.select(Role.__table__), sa.insert(Role.__table__)])
def test_statements_below_the_orm_are_refused(acme: Session, statement: sa.Executable) -> None:
    with pytest.raises(ScopeMissing):
        acme.execute(statement)


def test_a_system_scope_sees_everything(app: Flask, cast: Cast) -> None:
    with unit(app, "test", reading=True) as session:
        assert organizations(session.scalars(sa.select(Role))) == {cast.acme, cast.globex}


# --- writing


def test_a_new_row_takes_the_scopes_organisation(acme: Session, cast: Cast) -> None:
    role = Role(name="New", own=[])
    acme.add(role)
    acme.flush()
    assert role.organization_id == cast.acme


def test_a_new_row_of_a_foreign_organisation_is_refused(acme: Session, cast: Cast) -> None:
    acme.add(Role(name="New", own=[], organization_id=cast.globex))
    with pytest.raises(ScopeMissing):
        acme.flush()


def test_a_new_row_needs_a_scope_that_writes(acme: Session, cast: Cast) -> None:
    scope_to([cast.acme, cast.globex])
    acme.add(Role(name="New", own=[]))
    with pytest.raises(ScopeMissing):
        acme.flush()


def test_writing_can_be_chosen_among_what_is_read(acme: Session, cast: Cast) -> None:
    scope_to([cast.acme, cast.globex])
    with writing_to(cast.globex):
        role = Role(name="New", own=[])
        acme.add(role)
        acme.flush()
    assert role.organization_id == cast.globex


def test_and_only_there(acme: Session, cast: Cast) -> None:
    with pytest.raises(ScopeMissing), writing_to(cast.globex):
        pass


def test_an_update_reaches_one_organisation(app: Flask, acme: Session, cast: Cast) -> None:
    acme.execute(sa.update(Role).values(name=Role.name + "!"))
    acme.commit()
    with unit(app, "test", reading=True) as session:
        changed = organizations(session.scalars(sa.select(Role).where(Role.name.like("%!"))))
    assert changed == {cast.acme}


def test_an_update_by_primary_keys_reaches_one_organisation(app: Flask, acme: Session, cast: Cast) -> None:
    foreign = _foreign_role(app, cast)
    with pytest.raises(ScopeMissing):
        acme.execute(sa.update(Role), [{"id": foreign, "name": "Taken over"}])


def test_a_delete_reaches_one_organisation(app: Flask, acme: Session, cast: Cast) -> None:
    acme.execute(sa.delete(Membership))
    acme.commit()
    with unit(app, "test", reading=True) as session:
        assert organizations(session.scalars(sa.select(Membership))) == {cast.globex}


def test_a_bulk_insert_of_foreign_rows_is_refused(acme: Session, cast: Cast) -> None:
    with pytest.raises(ScopeMissing):
        acme.execute(sa.insert(Role), [{"organization_id": cast.globex, "name": "New", "own": []}])


def test_also_one_that_hides_its_rows_in_the_statement(acme: Session, cast: Cast) -> None:
    with pytest.raises(ScopeMissing):
        acme.execute(sa.insert(Role).values(organization_id=cast.globex, name="New", own=[]))


def test_also_one_from_a_select(acme: Session, cast: Cast) -> None:
    names = sa.select(sa.literal(cast.globex), Organization.name)
    with pytest.raises(ScopeMissing):
        acme.execute(sa.insert(Role).from_select(["organization_id", "name"], names))


def test_the_old_bulk_methods_are_refused(acme: Session, cast: Cast) -> None:
    row = {"organization_id": cast.globex, "name": "New", "own": []}
    for attempt in (lambda: acme.bulk_insert_mappings(Role, [row]), lambda: acme.bulk_save_objects([Role(**row)]),
                    lambda: acme.bulk_update_mappings(Role, [{"id": 1, "name": "x"}])):  # fmt: skip
        with pytest.raises(ScopeMissing):
            attempt()


def test_a_row_cannot_be_moved_to_a_foreign_organisation(acme: Session, cast: Cast) -> None:
    role = acme.scalars(sa.select(Role)).first()
    assert role is not None
    role.organization_id = cast.globex
    with pytest.raises(ScopeMissing):
        acme.flush()


def test_nor_by_an_update(acme: Session, cast: Cast) -> None:
    with pytest.raises((ScopeMissing, DBAPIError)):
        acme.execute(sa.update(Role).values(organization_id=cast.globex))


def test_the_database_refuses_a_foreign_role_even_in_a_system_scope(app: Flask, cast: Cast) -> None:
    foreign = _foreign_role(app, cast)
    with pytest.raises(DBAPIError), unit(app, "test") as session:
        session.add(Membership(user_id=cast.id("sid"), organization_id=cast.acme, role_id=foreign))


def test_events_are_checked_like_rows(acme: Session, cast: Cast) -> None:
    with pytest.raises(ScopeMissing):
        events.record(cast.globex, "task.moved", "task", 1, SYSTEM, BEGUN)
    events.record(cast.acme, "task.moved", "task", 1, SYSTEM, BEGUN)
    assert acme.scalar(sa.select(sa.func.count(Event.id))) == 1


# --- units of work


def test_a_reading_unit_cannot_write(app: Flask, cast: Cast) -> None:
    with pytest.raises(DBAPIError), unit(app, "test", reading=True) as session:
        session.get(User, cast.id("vera")).name = "Changed"


def test_a_unit_that_fails_leaves_nothing(app: Flask, cast: Cast) -> None:
    with pytest.raises(ZeroDivisionError), unit(app, "test") as session:
        session.get(User, cast.id("vera")).name = "Changed"
        session.flush()
        raise ZeroDivisionError
    with unit(app, "test", reading=True) as session:
        assert session.get(User, cast.id("vera")).name == "Vera"


def test_two_units_that_read_and_then_write_both_succeed(app: Flask, cast: Cast) -> None:
    """With SQLite's own deferred transactions one of them would fail at once."""
    threads = [threading.Thread(target=_count_up, args=(app, cast.id("vera"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with unit(app, "test", reading=True) as session:
        assert session.get(User, cast.id("vera")).failed_logins == 20


def test_apps_beside_each_other_read_their_own_database(app: Flask, cast: Cast) -> None:
    with unit(app, "test", reading=True) as session:
        first = session.get_bind()
        assert first is session.get_bind()
        assert first is not db.engine


def test_the_clock_of_the_database_is_near(app: Flask) -> None:
    from webapp.db import database_now

    with unit(app, "test", reading=True):
        assert abs((database_now() - clock.now()).total_seconds()) < 60


def _count_up(app: Flask, user_id: int) -> None:
    for _ in range(5):
        with unit(app, "test") as session:
            user = session.get(User, user_id, with_for_update=True)
            user.failed_logins += 1


def _foreign_role(app: Flask, cast: Cast) -> int:
    with unit(app, "test", reading=True) as session:
        return session.scalars(sa.select(Role.id).where(Role.organization_id == cast.globex)).first()
