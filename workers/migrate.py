"""Brings the database up to this version; a new one gets its first admin, who is told once on stdout."""

import click

from webapp import clock, db, demo, schema
from webapp.access.bootstrap import bootstrap
from webapp.config import Settings
from workers import local_agent, packages


def main(settings: Settings) -> None:
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    schema.upgrade(settings)
    with db.unit(db.core(settings), "first start"):
        packages.publish_agent(settings.data, clock.now())
        first = bootstrap(settings, clock.now())
        if first is not None and settings.runs_agent:
            local_agent.leave_token(settings, clock.now())
        if first is not None and settings.demo:
            demo.fill(settings, clock.now())
    if first is None:
        return
    if first.password is None:
        click.echo(f"(sign in as {first.username} with the password you set)")
    else:
        click.echo(f"(sign in as {first.username} with the password {first.password} – it is shown this once)")
