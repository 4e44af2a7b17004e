"""`muster files`: what tasks left behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server, path_of
from webapp.commands.exits import FAILED, NOT_FOUND, USAGE, Exit

HEADS = ("NAME", "TYPE", "BYTES", "SHA-256")


@click.group()
def files() -> None:
    """List and fetch the files of a task."""


@files.command("list")
@click.argument("task_id")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@talks
def show(server: Server, task_id: str, form: str | None) -> None:
    """List the files that a task left."""
    form, found = printing.chosen(form), server.pieces("tasks", task_id, "files", "", limit=None)
    if form.startswith("json"):
        printing.values(form, found)
    else:
        printing.rows(form, HEADS, ((each["name"], each["type"], str(each["size"]), each["sha256"]) for each in found))


@files.command("get")
@click.argument("task_id")
@click.argument("names", nargs=-1)
@click.option("--dir", "-d", "folder", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@talks
def get(server: Server, task_id: str, names: tuple[str, ...], folder: Path, force: bool) -> None:
    """Fetch the files that a task left: the named ones, or all. Each is checked by its SHA-256."""
    found = list(server.pieces("tasks", task_id, "files", "", limit=None))
    wanted = _named(found, names) if names else found
    folder.mkdir(parents=True, exist_ok=True)
    for file in wanted:
        path = _path(folder, file["name"], force)
        _fetch(server, file, path)
        click.echo(path)


def _named(found: Iterable[Json], names: tuple[str, ...]) -> list[Json]:
    by_name = {file["name"]: file for file in found}
    if missing := [name for name in names if name not in by_name]:
        raise Exit(NOT_FOUND, f"The task left no file {missing[0]}")
    return [by_name[name] for name in names]


def _path(folder: Path, name: str, force: bool) -> Path:
    """Below the folder, whatever the server says."""
    safe = os.path.basename(name)
    if safe in ("", ".", ".."):
        raise Exit(FAILED, f"{name!r} is no name for a file")
    path = folder / safe
    if path.exists() and not force:
        raise Exit(USAGE, f"{path} is there already. Use --force to write over it")
    return path


def _fetch(server: Server, file: Json, path: Path) -> None:
    part, digest = path.with_name(f".{path.name}.part"), hashlib.sha256()
    answer = server.send("GET", path_of(("files", file["id"], "download")))
    try:
        with part.open("wb") as target:
            while chunk := answer.read(2**20):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != file["sha256"]:
            raise Exit(FAILED, f"{file['name']} does not have its SHA-256. Fetch it again")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
