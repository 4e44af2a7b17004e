"""The database: base class, column types, sessions bound to organisations, units of work.

Flask-SQLAlchemy stays behind this file. A session reads a *set* of organisations and writes exactly
one; both are told to it once (`scope_to`, `system_scope`) and enforced below every query, so that
forgetting the organisation raises instead of leaking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, with_loader_criteria
from sqlalchemy.orm.session import ORMExecuteState
from sqlalchemy.sql import visitors as sa_visitors

from webapp import connections
from webapp.config import Settings

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC in Python, timestamptz in PostgreSQL, sortable text in SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite only numbers rows by itself when the key's type is exactly INTEGER.
BigKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: UtcDateTime,
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
    }


class OrgScoped:
    """A row that belongs to one organisation and is never seen from another."""

    @declared_attr
    def organization_id(cls) -> Mapped[int]:
        return mapped_column(sa.ForeignKey("organization.id"))


class ScopeMissing(RuntimeError):
    """A query on organisations' rows was made without saying whose: a bug, never a user's fault."""


@dataclass(frozen=True)
class Scope:
    reading: frozenset[int]
    writing: int | None = None
    reason: str = ""

    @property
    def everything(self) -> bool:
        return bool(self.reason)


class OrgSession(FlaskSession):
    """`bulk_*` pass by every check, so only a system scope has them."""

    def _bulk_save_mappings(self, *args: Any, **kwargs: Any) -> None:
        scope: Scope | None = self.info.get("scope")
        if scope is None or not scope.everything:
            raise ScopeMissing("bulk methods run only in a system scope")
        super()._bulk_save_mappings(*args, **kwargs)  # type: ignore[misc]

    def get_bind(self, *args: Any, **kwargs: Any) -> Any:
        bind = super().get_bind(*args, **kwargs)
        if self.info.get("reading") and isinstance(bind, sa.Engine):
            return self._db.reading_engine(bind)  # type: ignore[attr-defined]
        return bind


class Database(SQLAlchemy):
    """`reading_engine` shares the pool but opens transactions that the database itself keeps read-only."""

    def reading_engine(self, engine: sa.Engine) -> sa.Engine:
        twin: sa.Engine | None = engine.__dict__.get("reading_twin")
        if twin is None:
            twin = engine.__dict__["reading_twin"] = engine.execution_options(reading=True, postgresql_readonly=True)
        return twin


# Rows stay readable after a commit: verbs keep them in step with the database, and threads hand them on.
db = Database(session_options={"class_": OrgSession, "expire_on_commit": False}, disable_autonaming=True)


def init(app: Flask, settings: Settings) -> None:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connections.options(settings.database_url)
    db.init_app(app)
    with app.app_context():
        connections.prepare(db.engine, settings.sqlite_synchronous)


def core(settings: Settings) -> Flask:
    """The smallest app that gives a session: for workers, loops and commands. Knows no view."""
    from webapp.schema import load_models  # all tables must be known before the first foreign key is followed

    load_models()
    app = Flask("muster")
    app.extensions["settings"] = settings
    init(app, settings)
    return app


def scope_to(reading: Iterable[int], writing: int | None = None) -> None:
    """Bind this session to organisations. Rows of earlier ones are forgotten: the identity map is not filtered."""
    session = db.session()
    session.expunge_all()
    session.info["scope"] = Scope(frozenset(reading), writing)


@contextmanager
def system_scope(reason: str) -> Iterator[None]:
    """Every organisation, for loops and claims. `reason` names who asks."""
    session = db.session()
    before = session.info.get("scope")
    session.info["scope"] = Scope(frozenset(), None, reason)
    try:
        yield
    finally:
        session.info["scope"] = before


@contextmanager
def writing_to(organization_id: int) -> Iterator[None]:
    """Choose the one organisation that new rows belong to, among those this session may read."""
    session = db.session()
    before = session.info.get("scope")
    if before is None or not (before.everything or organization_id in before.reading):
        raise ScopeMissing(f"organisation {organization_id} is outside this session's scope")
    session.info["scope"] = Scope(before.reading, organization_id, before.reason)
    try:
        yield
    finally:
        session.info["scope"] = before


@contextmanager
def within(organization_id: int) -> Iterator[None]:
    """What a loop does in the name of one organisation: it sees nothing of the others'."""
    session = db.session()
    before = session.info.get("scope")
    session.info["scope"] = Scope(frozenset({organization_id}), organization_id)
    try:
        yield
    finally:
        session.info["scope"] = before


def writing() -> int:
    """The organisation that new rows of this session belong to."""
    scope: Scope | None = db.session().info.get("scope")
    if scope is None or scope.writing is None:
        raise ScopeMissing("no organisation was chosen to write to")
    return scope.writing


@contextmanager
def unit(app: Flask, reason: str, *, reading: bool = False) -> Iterator[Any]:
    """One unit of work of a loop or worker: own session, every organisation, committed at the end."""
    with app.app_context():
        session = db.session()
        session.info["reading"] = reading
        with system_scope(reason):
            yield session
            session.commit()


@event.listens_for(OrgSession, "do_orm_execute")
def _limit_to_organisations(state: ORMExecuteState) -> None:
    """Also statements about tables of nobody's: they may join, count or ask after an organisation's rows."""
    scope: Scope | None = state.session.info.get("scope")
    if scope is not None and scope.everything:
        return
    if not state.is_orm_statement:
        raise ScopeMissing("a statement that is not ORM-enabled runs only in a system scope")
    if scope is None and _names_organisations(state.statement):
        raise ScopeMissing("no organisation was chosen for this session")
    if state.bind_mapper and issubclass(state.bind_mapper.class_, OrgScoped):
        _check_changed(state, scope or Scope(frozenset()))
    seen = scope.reading if scope else frozenset()
    state.statement = state.statement.options(
        with_loader_criteria(OrgScoped, lambda cls: cls.organization_id.in_(seen), include_aliases=True)
    )


def _names_organisations(statement: sa.Executable) -> bool:
    scoped = {str(m.local_table) for m in Base.registry.mappers if issubclass(m.class_, OrgScoped)}
    parts = sa_visitors.iterate(statement)  # type: ignore[arg-type]
    return any(isinstance(part, sa.Table) and part.name in scoped for part in parts)


def _check_changed(state: ORMExecuteState, scope: Scope) -> None:
    """Criteria reach neither inserted rows nor an update by primary keys."""
    given: Any = state.parameters or []
    rows = given if isinstance(given, list) else [given]
    if state.is_update and isinstance(state.parameters, list):
        raise ScopeMissing("an update by primary keys runs only in a system scope")
    if state.is_insert and not rows:
        raise ScopeMissing("hand the rows of an insert over as parameters, where they can be checked")
    if state.is_insert:
        check_written(rows)


def check_written(rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows that are handed over as such name the one organisation that this session writes to."""
    scope: Scope | None = db.session().info.get("scope")
    if scope is not None and scope.everything:
        return
    if scope is None or any(row.get("organization_id") != scope.writing for row in rows):
        raise ScopeMissing("a bulk insert names an organisation outside this session's scope")


@event.listens_for(OrgSession, "before_flush")
def _check_written(session: OrgSession, _context: Any, _instances: Any) -> None:
    scope: Scope | None = session.info.get("scope")
    for row in session.new:
        if isinstance(row, OrgScoped):
            _check_new(row, scope)
    if scope is not None and scope.everything:
        return
    for row in [*session.dirty, *session.deleted]:
        if isinstance(row, OrgScoped) and (scope is None or row.organization_id not in scope.reading):
            raise ScopeMissing(f"{type(row).__name__} is outside this session's organisations")


def _check_new(row: OrgScoped, scope: Scope | None) -> None:
    if scope is None:
        raise ScopeMissing(f"no organisation was chosen for a new {type(row).__name__}")
    if row.organization_id is None:
        if scope.writing is None:
            raise ScopeMissing(f"a new {type(row).__name__} needs an organisation")
        row.organization_id = scope.writing
    elif not scope.everything and row.organization_id not in (scope.writing, *scope.reading):
        raise ScopeMissing(f"a new {type(row).__name__} names a foreign organisation")


def dialect() -> str:
    return db.session().get_bind().dialect.name


def database_now() -> datetime:
    """The database's own clock: the server's with PostgreSQL, this host's with SQLite."""
    if dialect() == "sqlite":
        return datetime.now(UTC)
    return db.session.scalars(sa.select(sa.func.clock_timestamp(type_=UtcDateTime))).one()
