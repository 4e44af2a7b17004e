"""Somebody holds the database for some seconds: an open write in SQLite, a lock on the tasks in PostgreSQL."""

import contextlib

import sqlalchemy as sa

from bench.storm.storm import Storm

SECONDS = 4.0


def strike(storm: Storm) -> bool:
    engine = sa.create_engine(storm.site.settings.database_url)
    line = engine.connect()
    try:
        if engine.dialect.name == "sqlite":
            line.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
            line.exec_driver_sql("PRAGMA busy_timeout=5000")
            line.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            line.exec_driver_sql("SET lock_timeout = '2s'")  # a frozen worker may hold the table meanwhile
            line.exec_driver_sql("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
    except sa.exc.OperationalError:
        line.close()
        engine.dispose()
        return False
    storm.later(SECONDS, lambda: _release(line, engine))
    return True


def _release(line: sa.Connection, engine: sa.Engine) -> None:
    with contextlib.suppress(sa.exc.DBAPIError):  # another fault may have cut this connection meanwhile
        line.rollback()
        if engine.dialect.name == "sqlite":
            line.connection.rollback()
        line.close()
    engine.dispose()
