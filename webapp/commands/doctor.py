"""`muster doctor`: what is wrong, and what to do about it."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import redis

from webapp import config, queue
from webapp.commands import exits
from webapp.config import Settings

if TYPE_CHECKING:
    from webapp.tasks.invariants import Violation

GIB = 2**30
NEWEST_TASKS = 20_000


@dataclass(frozen=True)
class Finding:
    name: str
    fine: bool
    text: str
    fix: str = ""


@click.command()
def doctor() -> None:
    """Find out what is wrong, and what to do about it."""
    settings = config.load()
    findings = [finding for check in CHECKS for finding in check(settings)]
    for finding in findings:
        click.echo(f"{'✓' if finding.fine else '✕'} {finding.name:<10} {finding.text}")
        if not finding.fine and finding.fix:
            click.echo(f"  {'':<10} {finding.fix}")
    sys.exit(exits.OK if all(finding.fine for finding in findings) else exits.FAILED)


def python(_settings: Settings) -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), found, "Python 3.11 or later runs the server.")


def folder(settings: Settings) -> Iterator[Finding]:
    data = settings.data
    if not data.exists():
        yield Finding("data", True, f"{data} is not there yet; the first start makes it")
        return
    writable = os.access(data, os.W_OK | os.X_OK)
    yield Finding(
        "data",
        writable,
        f"{data} can {'' if writable else 'not '}be written",
        f"Run as the owner of {data}, or set MUSTER_DATA.",
    )
    free = shutil.disk_usage(data).free
    yield Finding(
        "disk",
        free > GIB,
        f"{free / GIB:.1f} GiB free",
        "Below 1 GiB new output is refused: make room or shorten retention.",
    )


def keys(settings: Settings) -> Iterator[Finding]:
    for path in (settings.secrets_key_file, settings.signing_key_file):
        if path.exists():
            yield _private(path)


def database(settings: Settings) -> Iterator[Finding]:
    import sqlalchemy as sa

    shown = config.shown(settings, "database_url")
    if settings.sqlite and not Path(sa.make_url(settings.database_url).database or "").exists():
        yield Finding("database", True, f"{shown} is not there yet; the first start makes it")
        return
    try:
        with sa.create_engine(settings.database_url).connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        yield Finding("database", True, shown)
    except sa.exc.SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        yield Finding("database", False, f"{shown}: {reason}", "Start the database, or mend DATABASE_URL.")


def broker(settings: Settings) -> Iterator[Finding]:
    shown = config.shown(settings, "redis_url")
    client = queue.client(settings)
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError:
        fix = "`muster up` starts it." if settings.embedded_broker else "Start the broker, or mend REDIS_URL."
        yield Finding("broker", False, f"{shown} does not answer; tasks wait for the caretaker", fix)
        return
    yield Finding(
        "broker", policy == "noeviction", f"{shown}, {policy}", "Set maxmemory-policy to noeviction: others lose rings."
    )


def web(settings: Settings) -> Iterator[Finding]:
    try:
        with socket.create_connection(("127.0.0.1" if settings.host == "0.0.0.0" else settings.host, settings.port), 2):
            yield Finding("web", True, f"{settings.host}:{settings.port} answers")
    except OSError:
        yield Finding(
            "web",
            False,
            f"nothing answers on {settings.host}:{settings.port}",
            "`muster up` or `muster web` serves the pages.",
        )


def tasks(settings: Settings) -> Iterator[Finding]:
    """What must be true of tasks whatever was killed, of the newest ones."""
    import sqlalchemy as sa

    if settings.sqlite and not Path(sa.make_url(settings.database_url).database or "").exists():
        return
    try:
        found = _violations(settings)
    except sa.exc.SQLAlchemyError:
        return  # the check of the database has said it
    for violation in found:
        text = f"{violation.subject}: {violation.text} ({violation.invariant})"
        yield Finding("tasks", False, text, "This is a bug of Muster: keep the data folder and report it.")
    if not found:
        yield Finding("tasks", True, f"histories, leases, output and processes of the newest {NEWEST_TASKS:,} agree")


def _violations(settings: Settings) -> "list[Violation]":
    from webapp import db
    from webapp.schedules.invariants import slots
    from webapp.tasks import invariants

    app = db.core(settings)
    with db.unit(app, "doctor", reading=True) as session:
        since = invariants.newest(session, NEWEST_TASKS)
        found = invariants.check(session, settings.data, since) + slots(session, since)
    with app.app_context():
        db.db.engine.dispose()
    return found


# One list; a part of the product adds its check here.
CHECKS: list[Callable[[Settings], Iterator[Finding]]] = [python, folder, keys, database, broker, web, tasks]


def _private(path: Path) -> Finding:
    mode = path.stat().st_mode & 0o077
    return Finding("keys", not mode, f"{path} is {'open to others' if mode else 'private'}", f"chmod 600 {path}")
