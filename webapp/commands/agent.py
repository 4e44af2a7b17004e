"""`muster agent …`: the program on the hosts, as the server has it."""

import sys

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def agent(arguments: tuple[str, ...]) -> None:
    """Enrol this host and run tasks on it: agent enrol, run, status."""
    from workers.agent.main import main

    sys.exit(main(list(arguments)))
