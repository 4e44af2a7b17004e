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
    if check:
        logs.setup(settings, "migrate")
        _check(settings)
        return
    from workers import main

    main.run("migrate", settings)


def _check(settings: Settings) -> None:
    import sqlalchemy as sa

    from webapp import migrating, schema

    with tempfile.TemporaryDirectory() as folder:
        new = replace(settings, data=Path(folder), database_url=f"sqlite:///{folder}/new.db")
        schema.upgrade(new)
        engine = sa.create_engine(new.database_url)
        with engine.connect() as connection:
            missing = migrating.drift(connection)
        engine.dispose()
    for each in missing:
        click.echo(f"not in the migrations: {each}", err=True)
    if missing:
        raise Exit(FAILED, "models and migrations differ; make a migration")
