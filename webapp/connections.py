"""How connections to each database are opened, and how their transactions begin."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event


def options(url: str) -> dict[str, Any]:
    if sa.make_url(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 10, "check_same_thread": False}}
    return {"pool_pre_ping": True, "pool_size": 8, "max_overflow": 24, "pool_recycle": 1800}


def prepare(engine: sa.Engine, synchronous: str = "FULL") -> None:
    """SQLite habits: WAL, foreign keys, and transactions that begin as writers unless told otherwise.

    The driver's own deferred BEGIN fails at once when two sessions read and then write, whatever the
    busy timeout; BEGIN IMMEDIATE queues them instead.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "temp_store=MEMORY",
            "cache_size=-16000",
            "mmap_size=268435456",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = bool(connection.get_execution_options().get("reading"))
        if connection.info.get("reading") != reading:  # kept with the pooled connection, as the pragma is
            connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
            connection.info["reading"] = reading
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
