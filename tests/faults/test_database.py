"""Somebody holds the database: programs are told when to come again, and no end of a task is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event

from tests import factories
from tests.browser import Browser
from tests.cast import Cast
from tests.faults.conftest import Faulty
from tests.workers.processes import until
from webapp.access.permissions import Permission
from webapp.config import Settings
from webapp.db import db, system_scope
from webapp.tasks.models import Task

BODY = {"data": {"plugin_id": "demo", "input_data": ["a"]}}


@contextmanager
def locked(url: str) -> Iterator[None]:
    """By a process that writes and does not come to its end."""
    engine = sa.create_engine(url)
    with engine.connect() as line:
        if engine.dialect.name == "sqlite":
            line.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
            line.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            line.exec_driver_sql("LOCK TABLE task IN ACCESS EXCLUSIVE MODE")
        yield
        line.connection.dbapi_connection.rollback()  # type: ignore[union-attr]
    engine.dispose()


@pytest.fixture
def impatient(app: Flask) -> Flask:
    """Waits a moment for a lock, where the product waits for seconds."""
    with app.app_context():
        db.engine.dispose()
        event.listen(db.engine, "connect", _impatience(db.engine.dialect.name))
    return app


def _impatience(dialect: str) -> Callable[[Any, Any], None]:
    pragma = "PRAGMA busy_timeout=50" if dialect == "sqlite" else "SET lock_timeout = '50ms'"

    def connected(connection: Any, _record: Any) -> None:
        connection.execute(pragma)
        if dialect == "postgresql":
            connection.commit()

    return connected


def test_who_asks_meanwhile_is_told_when_to_come_again(impatient: Flask, cast: Cast, settings: Settings) -> None:
    with impatient.app_context(), system_scope("test"):
        token, _ = factories.token(cast.id("oscar"), cast.acme, [Permission.TASKS_CREATE, Permission.TASKS_READ])
        db.session.commit()
    client: Browser = impatient.test_client()  # type: ignore[assignment]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    with locked(settings.database_url):
        answer = client.post("/api/v1/tasks/", json=BODY, headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.post("/api/v1/tasks/", json=BODY, headers=headers).status_code == 201
    with impatient.app_context(), system_scope("test"):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Task)) == 1


def test_an_end_is_told_once_the_database_is_back(site: Faulty) -> None:
    """Longer away than a writer waits."""
    uuid = site.launch("patient", lines=1, seconds=1)[0]
    site.start_part("worker-1")
    until(site.marks)
    with locked(site.settings.database_url):
        until(lambda: "an end cannot be written now" in site.text())
    assert site.becomes(uuid, "completed").late is False
