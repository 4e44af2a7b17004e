"""What people call by its name, and programs by its id."""

from __future__ import annotations

from typing import Any

import click

from webapp.commands.client.server import Server, path_of
from webapp.commands.exits import NOT_FOUND, USAGE, Exit


def id_of(server: Server, nouns: str, said: str, **query: Any) -> str:
    """Only the whole name will do: what is changed should be what was meant."""
    if said.isdecimal():
        return said
    found = [row for row in server.pieces(nouns, "", limit=None, **query) if row["name"].lower() == said.lower()]
    if len(found) != 1:
        words = nouns.replace("-", " ")
        many = f"{len(found)} {words} are" if found else f"No {words.removesuffix('s')} is"
        text = f'{many} called "{said}". Name its id; `muster {nouns}` lists them'
        raise Exit(USAGE if found else NOT_FOUND, text)
    return str(found[0]["id"])


def delete(server: Server, nouns: str, number: str, said: str, yes: bool) -> None:
    if not yes:
        click.confirm(f"Delete {said}?", abort=True)
    server.send("DELETE", path_of((nouns, number, ""))).read()
    click.echo(f"{said} was deleted")
