"""`muster login`: keeps a server and a token for the verbs that use one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

import click

from webapp.commands.client import profile
from webapp.commands.client.server import Server
from webapp.commands.exits import USAGE, Exit


@click.command()
@click.argument("url")
@click.option("--token-file", type=click.File(), help="Where the token is; - is stdin. Else it is asked for.")
@click.option("--profile", "name", default=profile.DEFAULT, show_default=True, help="Keep it under this name.")
def login(url: str, token_file: IO[str] | None, name: str) -> None:
    """Keep the address of a server and a token, so that no verb has to be told.

    A token is made on the page of your account, or with `muster token create`.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise Exit(USAGE, f"Name the profile with letters, digits, - and _, not {name}")
    if not url.startswith(("http://", "https://")):
        raise Exit(USAGE, f"Enter the address of the server, like https://muster.example.com, not {url}")
    token = (token_file.read() if token_file else click.prompt("Token", hide_input=True)).strip()
    with Server(url, token) as server:
        me = server.get("me", "")
        kept = _keep(name, server.url, token)
    click.echo(f"Signed in to {server.url} as {me['username']}. Kept in {kept}")


def _keep(name: str, url: str, token: str) -> Path:
    """The token in a file of its own, so that the configuration can be shown to others."""
    folder = profile.folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, secret = folder / "config.toml", folder / f"{name}.token"
    sections = profile.sections(path)
    own = {"url": url, "token_file": secret.name}
    if name in sections and sections[name] != own:
        raise Exit(USAGE, f"{path} has other values in [{name}]. Change them there, or choose another --profile")
    _write(secret, token + "\n")
    if name not in sections:
        with path.open("a") as file:
            file.write(f"\n[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in own.items()))
    return path


def _write(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment."""
    part = path.with_name(path.name + ".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
