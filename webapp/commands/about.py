"""Verbs that tell about this installation."""

import json

import click
from click.shell_completion import get_completion_class

from webapp.config import VERSION, load, settings_fields, shown


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--explain", is_flag=True, help="Say what each setting is for.")
def config(as_json: bool, explain: bool) -> None:
    """Show each setting, its value and where it came from."""
    settings = load()
    rows = [
        {
            "name": each.metadata["env"],
            "value": shown(settings, each.name),
            "origin": settings.origin(each.name),
            "help": each.metadata["help"],
        }
        for each in settings_fields()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    widths = [max(len(row[key]) for row in rows) for key in ("name", "value")]
    for row in rows:
        click.echo(f"{row['name']:<{widths[0]}}  {row['value']:<{widths[1]}}  {row['origin']}")
        if explain:
            click.echo(f"    {row['help']}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs and options.

    \b
    eval "$(muster completion bash)"          in ~/.bashrc
    eval "$(muster completion zsh)"           in ~/.zshrc
    muster completion fish | source           in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # the choice above
    click.echo(kind(context.find_root().command, {}, "muster", "_MUSTER_COMPLETE").source())


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"muster {VERSION}")
