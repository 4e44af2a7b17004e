"""What people call by its name, and programs by its id."""

from __future__ import annotations

from typing import Any

from webapp.commands.client.server import Server
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
