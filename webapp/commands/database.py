"""Verbs about the database as a whole."""

import click

from webapp import config, logs


@click.command()
def migrate() -> None:
    """Make the database or bring it up to date."""
    settings = config.load()
    logs.setup(settings, "migrate")
    from webapp import db

    db.upgrade(settings)
