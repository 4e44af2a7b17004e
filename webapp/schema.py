"""The schema: tables and triggers of all features, and the migrations that bring a database up to it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from webapp import connections
from webapp.config import Settings

MIGRATIONS = Path(__file__).parent.parent / "migrations"
ADVISORY_LOCK = 7_150_501


@dataclass(frozen=True)
class Trigger:
    """A rule that the database itself keeps. SQLite's batch migrations lose triggers, so they are remade after each."""

    name: str
    table: str
    sqlite: str
    postgresql: str

    def drop(self, dialect: str) -> str:
        return f"DROP TRIGGER IF EXISTS {self.name}" + (f" ON {self.table}" if dialect == "postgresql" else "")


@dataclass(frozen=True)
class Extra:
    """A table that only the database's own words can describe: a search index. Made where it is missing, never dropped."""

    name: str
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]


def upgrade(settings: Settings) -> None:
    """Bring the database up to this version. Several processes may ask at once; one does it, the others wait."""
    engine = sa.create_engine(settings.database_url, **connections.options(settings.database_url))
    with engine.connect() as connection, _alone(connection, settings):
        upgrade_connection(connection)
    engine.dispose()


def create_schema(engine: sa.Engine) -> None:
    """The same by an engine: for tests and tools."""
    with engine.connect() as connection:
        upgrade_connection(connection)


def upgrade_connection(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # A batch migration copies tables: with foreign keys on, dropping the old one would empty its children.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.commit()
    with connection.begin():
        before = current(connection)
        if before is not None:
            drop_triggers(connection)
        if before != head():
            from webapp import migrating  # ten megabytes, which a start with nothing to do can be without

            migrating.upgrade(connection)
        create_extras(connection)
        create_triggers(connection)


def head() -> str:
    """The newest migration: files are named by their numbers."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def load_models() -> list[ModuleType]:
    """Tables are in the `models.py` of a feature or of a room in it; there is no second list to forget one in."""
    import_module("webapp.events")
    here = Path(__file__).parent
    found = [path.relative_to(here.parent).with_suffix("") for path in sorted(here.glob("**/models.py"))]
    return [import_module(".".join(path.parts)) for path in found]


def create_extras(connection: sa.Connection) -> None:
    for extra in import_module("webapp.tasks.lists.search").EXTRAS:
        for statement in getattr(extra, connection.dialect.name):
            connection.exec_driver_sql(statement)


def create_triggers(connection: sa.Connection) -> None:
    for trigger in triggers():
        connection.exec_driver_sql(getattr(trigger, connection.dialect.name))


def drop_triggers(connection: sa.Connection) -> None:
    existing = set(sa.inspect(connection).get_table_names())
    for trigger in triggers():
        if trigger.table in existing:
            connection.exec_driver_sql(trigger.drop(connection.dialect.name))


def triggers() -> Iterator[Trigger]:
    """Those named as `TRIGGERS` beside the tables."""
    for module in load_models():
        yield from getattr(module, "TRIGGERS", ())


@contextmanager
def _alone(connection: sa.Connection, settings: Settings) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({ADVISORY_LOCK})")
        connection.commit()
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({ADVISORY_LOCK})")
            connection.commit()
        return
    settings.data.mkdir(parents=True, exist_ok=True)
    with (settings.data / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
