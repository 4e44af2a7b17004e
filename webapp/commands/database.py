"""Verbs about the database as a whole."""

import tempfile
from dataclasses import replace
from pathlib import Path

import click

from webapp import config, logs
from webapp.commands.exits import FAILED, Exit
from webapp.config import Settings


@click.command()
@click.option(
    "--check", is_flag=True, help="Only say whether migrations and models agree; touches no database of yours."
)
def migrate(check: bool) -> None:
    """Make the database or bring it up to date."""
    settings = config.load()
    logs.setup(settings, "migrate")
    if check:
        _check(settings)
        return
    from webapp import schema

    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    schema.upgrade(settings)
    if login := _first_login(settings):
        click.echo(login)


def _first_login(settings: Settings) -> str:
    """How to sign in to a database that had no people; nothing for any other."""
    from webapp import clock, db
    from webapp.access.bootstrap import bootstrap

    with db.unit(db.core(settings), "first start"):
        first = bootstrap(settings, clock.now())
    if first is None:
        return ""
    if first.password is None:
        return f"(sign in as {first.username} with the password you set)"
    return f"(sign in as {first.username} with the password {first.password} – it is shown this once)"


def _check(settings: Settings) -> None:
    import sqlalchemy as sa

    from webapp import schema

    with tempfile.TemporaryDirectory() as folder:
        new = replace(settings, data=Path(folder), database_url=f"sqlite:///{folder}/new.db")
        schema.upgrade(new)
        engine = sa.create_engine(new.database_url)
        with engine.connect() as connection:
            missing = schema.drift(connection)
        engine.dispose()
    for each in missing:
        click.echo(f"not in the migrations: {each}", err=True)
    if missing:
        raise Exit(FAILED, "models and migrations differ; make a migration")
