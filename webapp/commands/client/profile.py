"""Which server the command line talks to, and with which token.

A `--profile` that is asked for comes first, then MUSTER_URL and MUSTER_TOKEN, then the profile `default`:

    # ~/.config/muster/config.toml, where `muster login` writes
    [default]
    url = "https://muster.example.com"
    token_file = "~/.config/muster/token"      # or token = "tok_…"
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from webapp import config
from webapp.commands.client.server import Server
from webapp.commands.exits import USAGE, Exit

DEFAULT = "default"


@dataclass(frozen=True)
class Profile:
    url: str = ""
    token: str = ""


def talks(command: Callable[..., Any]) -> Callable[..., Any]:
    """For a verb that asks the server: gives it `server` as its first argument."""

    @click.option("--profile", "name", envvar="MUSTER_PROFILE", help="A section of ~/.config/muster/config.toml.")
    @wraps(command)
    def call(name: str | None, **options: Any) -> Any:
        with connect(name) as server:
            return command(server, **options)

    return call


def connect(name: str | None = None) -> Server:
    settings, found = config.load(), read(name)
    told = settings.origin("url") != config.DEFAULT
    url = found.url if found.url and (name or not told) else settings.url
    token = found.token if found.token and (name or not settings.token) else settings.token
    return Server(url, token)


def read(name: str | None) -> Profile:
    path = folder() / "config.toml"
    section = sections(path).get(name or DEFAULT)
    if section is None and name:
        raise Exit(USAGE, f"{path} has no section [{name}]")
    return Profile(str((section or {}).get("url", "")), _token(section or {}, path))


def sections(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Exit(USAGE, f"{path} cannot be read: {error}") from None


def folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "muster"


def _token(section: dict[str, Any], path: Path) -> str:
    if "token_file" not in section:
        return str(section.get("token", ""))
    file = path.parent / Path(str(section["token_file"])).expanduser()
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Exit(USAGE, f"{file} cannot be read: {error.strerror}") from None
