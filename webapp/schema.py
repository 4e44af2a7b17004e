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
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from webapp import connections, db
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
        if sa.inspect(connection).has_table("alembic_version"):
            drop_triggers(connection)
        command.upgrade(alembic_config(connection), "head")
        create_extras(connection)
        create_triggers(connection)


def alembic_config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str | None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


def current(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def drift(connection: sa.Connection) -> list[object]:
    """What the models say and the migrated database does not have."""
    load_models()
    options = {"compare_type": True, "include_object": _in_the_models}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.Base.metadata))


def _in_the_models(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Search tables are described by the database's own words alone: see `Extra`."""
    return not (kind == "table" and (name or "").startswith("search_"))


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
