"""What is measured: an own data folder, broker and app; and a big database, made once and kept for the next run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask import Flask

from webapp import clock, config, db, queue, schema
from webapp.access import sessions
from webapp.access.bootstrap import bootstrap
from webapp.access.models import Organization, User
from webapp.app import create_app
from webapp.config import Settings
from webapp.tasks.models import Batch, Count, Task
from workers import broker

CACHE = Path(os.environ.get("MUSTER_BENCH_CACHE", ".bench"))
STATUSES = ("completed",) * 90 + ("failed",) * 7 + ("cancelled",) * 2 + ("expired",)
NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
BITE = 20_000
FOUND = "INSERT INTO search_task (rowid, org, words, log) VALUES (:id, :org, :words, :log)"
RARE, RARELY = "quixotic", 100_000  # a word of the output of one task in so many


@contextmanager
def world(database: Path | None = None, **env: str) -> Iterator[Settings]:
    """A settings object over a temporary folder with a broker of its own; over a copy of `database` if given."""
    folder = Path(tempfile.mkdtemp(prefix="muster-bench-"))
    try:
        if database is not None:
            shutil.copyfile(database, folder / "muster.db")
        with broker.running(folder) as url:
            settings = config.load({"MUSTER_DATA": str(folder), "REDIS_URL": url, "SECRET_KEY": "bench"} | env)
            queue.connect(settings)
            if database is None:
                prepare(settings)
            yield settings
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(settings: Settings) -> None:
    schema.upgrade(settings)
    with db.unit(db.core(settings), "bench"):
        bootstrap(settings, NOW)


def organization_id(app: Flask) -> int:
    with db.unit(app, "bench", reading=True) as session:
        return session.scalar(sa.select(Organization.id))


def big(count: int) -> Path:
    """A database with so many tasks in their final states, as a year of schedules leaves them."""
    return kept(
        f"tasks-{count}-{schema.head()}-{shape()}-plugins", f"{count:,} tasks", lambda settings: fill(settings, count)
    )


def kept(name: str, what: str, fill: Callable[[Settings], None]) -> Path:
    """A filled database, made once and kept for the next run."""
    path = CACHE / f"{name}.db"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        (CACHE / ".gitignore").write_text("*\n")
        print(f"making {what} …", flush=True)
        with world() as settings:
            fill(settings)
            with sa.create_engine(settings.database_url).connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            part = path.with_suffix(".part")
            shutil.copyfile(settings.data / "muster.db", part)
            os.replace(part, path)
    return path


def shape() -> str:
    """Changes with the schema, so that an old file is not taken for a new one."""
    versions = sorted((schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()[:8]


def fill(settings: Settings, count: int) -> None:
    app = db.core(settings)
    org = organization_id(app)
    for start in range(0, count, BITE):
        numbers = range(start + 1, min(start + BITE, count) + 1)
        with db.unit(app, "bench") as session:
            session.execute(sa.insert(Batch), [_batch(n, org) for n in numbers])
            session.execute(sa.insert(Task), [_task(n, org) for n in numbers])
            session.execute(sa.text(FOUND), [_words(n, org) for n in numbers])
    with db.unit(app, "bench") as session:
        sums = session.execute(sa.select(Task.status, sa.func.count()).group_by(Task.status)).all()
        session.execute(sa.insert(Count), [{"organization_id": org, "status": s, "delta": n} for s, n in sums])
        session.execute(sa.text("ANALYZE"))


def _batch(number: int, org: int) -> dict[str, Any]:
    return {
        "id": number, "uuid": str(UUID(int=number)), "organization_id": org, "type": "plugin", "what": "DNS records",
        "trigger": "schedule", "spec": {}, "total": 1, "created_at": _at(number), "created_by": "admin",
    }  # fmt: skip


def _task(number: int, org: int) -> dict[str, Any]:
    status, at = STATUSES[number % 100], _at(number)
    failed = status == "failed"
    return {
        "id": number, "uuid": str(UUID(int=number + 2**64)), "batch_id": number, "organization_id": org,
        "type": "plugin", "what": "DNS records", "input": f"host-{number % 5000}.example", "data": {}, "options": {},
        "plugin_id": "tcp_ports" if status == "completed" and number % 20 == 0 else "dns_records", "tags": [], "executor": "worker", "owner": "", "target": {}, "trigger": "schedule",
        "created_by": "admin", "retry_number": 0, "max_retries": 0, "latest": True, "status": status, "moves": 4,
        "priority": 1, "created_at": at, "started_at": at, "ended_at": at + timedelta(seconds=number % 90),
        "updated_at": at, "exit_code": 1 if failed else 0, "reason": "exit_code" if failed else None,
        "error": "The resolver did not answer" if failed else None, "execution_timeout": 300,
    }  # fmt: skip


def _words(number: int, org: int) -> dict[str, Any]:
    said = f"status noerror answer ttl {number % 3600} server 192 0 2 {number % 250}"
    return {
        "id": number, "org": org, "words": f"dns records host {number % 5000} example admin dns_records {number:08x}",
        "log": f"{said} {RARE}" if number % RARELY == 0 else said,
    }  # fmt: skip


def _at(number: int) -> datetime:
    return NOW - timedelta(days=365) + timedelta(seconds=number * 31)


class Reader:
    """A signed-in browser without the network: the app's own WSGI call, so that only our work is timed."""

    def __init__(self, settings: Settings):
        self.app = create_app(settings)
        with db.unit(self.app, "bench") as session:
            user = session.scalars(sa.select(User)).first()
            user.must_change_password = False
            self.cookie = f"muster_session={sessions.start(user, '127.0.0.1', 'bench', clock.now())}"

    def get(self, url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        return call(self.app, url, Cookie=self.cookie, **headers)

    def poller(self, url: str) -> Callable[[], int]:
        """Polls with the tag of the last answer, as a page does."""
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
        tag = self.get(url, **headers)[2].get("ETag", "")

        def poll() -> int:
            return self.get(url, **headers, **{"If-None-Match": tag})[0]

        return poll


def call(app: Flask, url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    path, _, query = url.partition("?")
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "127.0.0.1:8080", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http", "wsgi.input": None, "wsgi.errors": None, "wsgi.version": (1, 0),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    } | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}  # fmt: skip
    said: dict[str, Any] = {}

    def start_response(status: str, head: list[tuple[str, str]], _info: Any = None) -> Any:
        said["status"], said["headers"] = int(status[:3]), dict(head)

    answer = app.wsgi_app(environ, start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return said["status"], body, said["headers"]
