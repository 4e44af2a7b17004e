"""Real parts for every test: a Valkey of this run, a fresh copy of a database of both kinds, the whole app."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests import alike, databases
from tests.browser import Browser
from tests.cast import Cast
from webapp import clock, config, polling, queue
from webapp.access import passwords
from webapp.config import Settings
from webapp.db import db, scope_to, system_scope
from workers import broker

# What runs in the background of a shell is deaf to Ctrl-C, and so would be all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# prometheus_client takes the folder that it finds at its first import, for the whole run.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="muster-metrics-")

# No test fails because the machine is busy.
hypothesis.settings.register_profile("muster", deadline=None)
hypothesis.settings.load_profile("muster")

# Tracebacks as they are: the coloured form prints every local variable.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

LONGEST = tuple(
    f"tests/{name}.py"
    for name in (
        "workers/test_guides", "pages/test_every_page", "pages/test_accessible_opened", "agent_api/test_copies",
        "agent_api/test_end_to_end", "agent/test_storm", "pages/test_steady", "pages/test_broken", "agent/test_outage",
        "schedules/test_concurrent",
    )
)  # fmt: skip
ENGINES: deque[Engine] = deque(maxlen=32)  # the latest: a thread that a test left behind may still open connections


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=[*databases.KINDS, "both"], default="both", help="which databases to test on")


def pytest_sessionfinish() -> None:
    if counts := sys.modules.get("prometheus_client.values"):
        counts.close_all_multiprocess_files()  # or the end of the process complains about them
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--db")
        kinds = databases.KINDS if wanted == "both" else (wanted,)
        one = metafunc.definition.get_closest_marker("one_database")
        metafunc.parametrize("database_kind", kinds[:1] if one else kinds, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that at the end no process waits for another's."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    passwords.cheap()


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> None:
    """Each test has an engine of its own; half of its time would go into writing the same SQL again.

    On PostgreSQL they share connections: a new one there reads the whole catalogue and plans each statement anew.
    """
    make_engine, first, pools = db._make_engine, {}, {}

    def remembered(bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        engine = make_engine(bind_key, options, app)
        if engine.dialect.name not in first:
            with engine.connect():
                first[engine.dialect.name] = engine  # now its dialect knows the server
            engine.dispose()
            engine._compiled_cache.capacity = 10_000
        known = first[engine.dialect.name]
        engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
        if engine.dialect.name == "postgresql":
            engine.pool = pools.setdefault(engine.url, engine.pool)
        else:
            ENGINES.append(engine)
        return engine

    db._make_engine = remembered


@pytest.fixture
def own_logs() -> Iterator[None]:
    """For tests of commands, which set up the logs of their process."""
    before, handlers, level = structlog.get_config(), logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="muster-") as folder, broker.running(Path(folder)) as url:
        yield url


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The databases that copies are taken from, by kind; each is made when the first test asks for it."""
    made: dict[str, Any] = {}
    yield made
    for source in made.values():
        source.stop()


@pytest.fixture
def source(database_kind: str, built: dict[str, Any]) -> Any:
    if database_kind not in built:
        # Not below pytest's folder: PostgreSQL may have to run as another user, who cannot enter there.
        folder = Path(tempfile.mkdtemp(prefix="muster-db-"))
        built[database_kind] = (databases.Sqlite if database_kind == "sqlite" else databases.Postgres)(folder)
    return built[database_kind]


@pytest.fixture
def cast(source: Any) -> Cast:
    return source.cast


@pytest.fixture
def database_url(source: Any, tmp_path: Path) -> Iterator[str]:
    with source.copy(tmp_path) as url:
        yield url
        for engine in list(ENGINES):
            engine.dispose()  # also those of apps that a test made by itself


@pytest.fixture
def settings(database_url: str, broker_url: str, tmp_path: Path) -> Settings:
    env = {"MUSTER_DATA": tmp_path, "DATABASE_URL": database_url, "REDIS_URL": broker_url, "SECRET_KEY": "for-tests"}
    found = config.load({name: str(value) for name, value in env.items()})
    return replace(found, sqlite_synchronous="OFF")  # type: ignore[arg-type]  # nobody needs them after a power cut


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    queue.client(settings).flushall()
    polling.fragments.clear()  # ids repeat in every copy of the database
    app = alike.create_app(settings)
    app.test_client_class = Browser
    yield app


@pytest.fixture
def client(app: Flask) -> Browser:
    return app.test_client()  # type: ignore[return-value]


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session over all organisations, for tests of verbs, and for looking afterwards.

    On SQLite an open transaction keeps all others from writing: commit before anything but a `client` runs.
    """
    with app.app_context(), system_scope("test"):
        app.extensions["test_session"] = db.session()
        yield db.session()
        db.session.rollback()


@pytest.fixture
def pass_time() -> Iterator[Callable[[timedelta], None]]:
    """Moves the clock of this process on; nobody sleeps."""

    def move(by: timedelta) -> None:
        clock.follow(clock.now() + by)

    yield move
    clock.follow(datetime.now(UTC))


@pytest.fixture
def acme(app: Flask, cast: Cast) -> Iterator[Session]:
    """A session that reads and writes Acme alone."""
    with app.app_context():
        scope_to([cast.acme], cast.acme)
        yield db.session()
        db.session.rollback()
