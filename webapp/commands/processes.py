"""Verbs that run the server: everything at once, or one process each."""

import sys

import click

from webapp import config
from webapp.commands import exits


@click.command()
def up() -> None:
    """Run everything on this machine until Ctrl-C."""
    from workers import main

    try:
        sys.exit(main.up(config.load()))
    except main.CannotStart as error:
        raise exits.Exit(exits.USAGE, str(error)) from None


@click.command()
def web() -> None:
    """Serve the pages and the API."""
    _run("web")


@click.command()
def worker() -> None:
    """Run tasks on this server; start as many as you need."""
    _run("worker")


@click.command()
def loops() -> None:
    """Run scheduler, caretaker and wake in one process."""
    _run("loops")


@click.command()
def scheduler() -> None:
    """Turn due moments of schedules into tasks."""
    _run("scheduler")


@click.command()
def caretaker() -> None:
    """Expire, retry, wake and clean up what others left."""
    _run("caretaker")


@click.command()
def courier() -> None:
    """Send alerts. There are none yet, so it has nothing to do."""
    raise exits.Exit(exits.USAGE, "There are no alerts in this version, so no courier is needed")


@click.command()
def wake() -> None:
    """Tell connected agents at once that there is work."""
    _run("wake")


@click.command(hidden=True)
def local_agent() -> None:
    """The agent beside the server, as `up` starts it."""
    _run("local-agent")


def _run(name: str) -> None:
    from workers import main

    sys.exit(main.run(name, config.load()))
