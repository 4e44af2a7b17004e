"""`muster plugins …`: what can be run, switching one on or off, and its settings in an organisation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server, path_of
from webapp.commands.client.what import pairs, typed
from webapp.commands.exits import USAGE, Exit

HEADS = ("ID", "STATE", "NAME", "TAKES", "RUNS ON")
PLAIN = ("id", "enabled", "name", "consumes", "runs_on")
WHERE = click.option("--org", "organization", help="Default: the organization of the token.")


@click.group(invoke_without_command=True)
@click.option("-q", "query", help="Words of the name, the description, or of what it takes and makes.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@talks
def plugins(server: Server, query: str | None, form: str | None, as_json: bool) -> None:
    """List plugins; enable or disable one; show or change its settings."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    found = server.get("plugins", "", q=query)["items"]
    if form.startswith("json"):
        printing.values(form, found)
    else:
        printing.rows(form, HEADS if form == "table" else PLAIN, map(_row, found))


@plugins.command()
@click.argument("plugin")
@WHERE
@talks
def enable(server: Server, plugin: str, organization: str | None) -> None:
    """Let new tasks use a PLUGIN, named by its id."""
    server.send("POST", path_of(("plugins", plugin, "enable"), {"organization": organization}), {}).read()
    click.echo(f"{plugin} is enabled")


@plugins.command()
@click.argument("plugin")
@WHERE
@talks
def disable(server: Server, plugin: str, organization: str | None) -> None:
    """Let no new task use a PLUGIN. Those that wait already still run."""
    server.send("POST", path_of(("plugins", plugin, "disable"), {"organization": organization}), {}).read()
    click.echo(f"{plugin} is disabled")


@plugins.command()
@click.argument("plugin")
@WHERE
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@talks
def settings(server: Server, plugin: str, organization: str | None, as_json: bool) -> None:
    """Show what is set for a PLUGIN. Secrets are only named."""
    told = server.get("plugins", plugin, "settings", organization=organization)
    if as_json:
        printing.values("json", [told])
        return
    for name, value in sorted(told["settings"].items()):
        click.echo(f"{name}={_text(value)}")
    for name in told["secrets"]:
        click.echo(f"{name} is set")


@plugins.command("set")
@click.argument("plugin")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]…")
@click.option(
    "--secret", "-s", multiple=True, metavar="NAME=FILE", help="A secret, from a file; - is the standard input."
)
@click.option("--unset", "-u", multiple=True, metavar="NAME", help="Back to the plugin's own; a secret is forgotten.")
@WHERE
@talks
def change(
    server: Server, plugin: str, values: tuple[str, ...], secret: tuple[str, ...], unset: tuple[str, ...],
    organization: str | None,
) -> None:  # fmt: skip
    """Change settings of a PLUGIN; the others stay as they are."""
    if not (values or secret or unset):
        raise Exit(USAGE, "Say what to set, like timeout=5, or --secret or --unset")
    kinds = {each["name"]: each["type"] for each in server.get("plugins", plugin, "")["settings"]}
    if open_secrets := [name for name in pairs("NAME", values) if kinds.get(name) == "secret"]:
        raise Exit(USAGE, f"{open_secrets[0]} is a secret: give it in a file, with --secret {open_secrets[0]}=FILE")
    now = server.get("plugins", plugin, "settings", organization=organization)
    given = now["settings"] | {name: typed(kinds.get(name, ""), text) for name, text in pairs("NAME", values).items()}
    given |= {name: _content(file) for name, file in pairs("--secret", secret).items()}
    given |= dict.fromkeys(unset)
    path = path_of(("plugins", plugin, "settings"), {"organization": organization})
    server.send("PUT", path, {"settings": given}).read()
    click.echo(f"{plugin}: {len({*pairs('NAME', values), *pairs('--secret', secret), *unset})} changed")


def _content(file: str) -> str:
    try:
        return (sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")).rstrip("\r\n")
    except OSError as error:
        raise Exit(USAGE, f"{file} cannot be read: {error.strerror}") from None


def _row(plugin: Json) -> tuple[str, ...]:
    told = (", ".join(plugin[name]) for name in ("consumes", "runs_on"))
    return plugin["id"], "on" if plugin["enabled"] else "off", plugin["name"], *told


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
