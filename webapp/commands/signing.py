"""`muster signing-key …`: the key that signs what hosts run. For whoever may read the server's own files."""

from __future__ import annotations

import getpass
from datetime import datetime

import click

from webapp import clock, config, logs
from webapp.access import audit
from webapp.commands.exits import FAILED, Exit
from webapp.db import core, db, unit
from webapp.events import Actor
from webapp.library import trust
from webapp.library.signing import Signing, SigningError


@click.group("signing-key")
def signing_key() -> None:
    """List, rotate and revoke the keys that sign what hosts run."""


@signing_key.command("list")
def listed() -> None:
    """Show the keys: id, status, since when."""
    for name, key in trust.keys(_signing().trust(clock.now())).items():
        click.echo(f"{name}  {key['status']:<8}  {key['since']}")


@signing_key.command()
def rotate() -> None:
    """Sign with a new key from now on, and print its id.

    The old key vouches for the new one, and stays good for the 14 days in which hosts may still run what it signed.
    """
    now = clock.now()
    name = _signing().rotate(now)
    _record("signing_key.rotate", name, now)
    click.echo(name)


@signing_key.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key that no longer signs: nothing of its is believed from a host's next heartbeat on."""
    now = clock.now()
    try:
        _signing().revoke_key(key_id, now)
    except SigningError as error:
        raise Exit(FAILED, str(error)) from None
    _record("signing_key.revoke", key_id, now)
    click.echo(f"{key_id} is revoked")


def _signing() -> Signing:
    return Signing(config.load().signing_key_file)


def _record(action: str, name: str, now: datetime) -> None:
    settings = config.load()
    logs.setup(settings, "command")
    app = core(settings)
    with unit(app, "command line"):
        audit.record(None, action, f"signing key {name}", Actor("system", f"command line ({getpass.getuser()})"), now)
    with app.app_context():
        db.engine.dispose()
