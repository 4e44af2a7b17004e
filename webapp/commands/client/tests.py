"""`muster tests …`: the library of signed tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server, path_of
from webapp.commands.exits import NOT_FOUND, Exit

HEADS = ("SLUG", "STATE", "VERSION", "RUNS ON", "TECHNIQUE", "NAME")


@click.group(invoke_without_command=True)
@click.option("-q", "query", help="A part of name, slug or technique.")
@click.option("--platform", help="That run there: linux, darwin or windows.")
@click.option("--retired", is_flag=True, help="Those that were retired.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")
@talks
def tests(
    server: Server, query: str | None, platform: str | None, retired: bool, form: str | None, as_json: bool, limit: int
) -> None:
    """List tests; upload a build, retire and restore a test."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    found = server.pieces("tests", "", limit=limit, q=query, platform=platform, retired="1" if retired else None)
    if form.startswith("json"):
        printing.values(form, found)
    elif form == "table":
        printing.rows(form, HEADS, map(_row, found))
    else:
        printing.rows(form, ("ID", *HEADS), ((str(test["id"]), *_row(test)) for test in found))


@tests.command()
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", "title", help="Of a test that is new: makes it.")
@click.option("--technique", default="", help="Of a test that is new, such as T1059.004.")
@click.option("--platform", help="Of a script; a program says it itself.")
@click.option("--arch", help="Of a script; a program says it itself.")
@talks
def upload(
    server: Server, slug: str, file: Path, title: str | None, technique: str, platform: str | None, arch: str | None
) -> None:
    """Upload FILE as the newest build of the test SLUG. It is signed there, and verified on hosts."""
    content = file.read_bytes()
    test = _named(server, slug)
    if test is None:
        if title is None:
            raise Exit(NOT_FOUND, f'There is no test "{slug}". Say --name to make it')
        test = server.post("tests", "", body={"slug": slug, "name": title, "technique": technique})
    told = {"platform": platform, "arch": arch, "sha256": hashlib.sha256(content).hexdigest()}
    fields = {field: text for field, text in told.items() if text}
    build = server.upload("tests", test["id"], "builds", "", file=(file.name, content), fields=fields)
    click.echo(f"{slug} version {build['version']} for {build['platform']}/{build['arch']}")


@tests.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def retire(server: Server, slug: str, yes: bool) -> None:
    """Retire the test SLUG: nothing new can run it; what ran keeps its history."""
    test = _named(server, slug)
    if test is None:
        raise Exit(NOT_FOUND, f'There is no test "{slug}". `muster tests` lists them')
    if not yes:
        click.confirm(f"Retire {test['name']}?", abort=True)
    server.send("DELETE", path_of(("tests", test["id"], ""))).read()
    click.echo(f"{slug} is retired")


@tests.command()
@click.argument("slug")
@talks
def restore(server: Server, slug: str) -> None:
    """Take the test SLUG that was retired back into the library."""
    test = _named(server, slug, retired="1")
    if test is None:
        raise Exit(NOT_FOUND, f'No retired test is called "{slug}". `muster tests --retired` lists them')
    server.post("tests", test["id"], "restore")
    click.echo(f"{slug} is in the library")


def _named(server: Server, slug: str, **more: str) -> Json | None:
    """The newest of this name."""
    return next(server.pieces("tests", "", limit=1, slug=slug, **more), None)


def _row(test: Json) -> tuple[str, ...]:
    state = "retired" if test["retired"] else "enabled" if test["enabled"] else "disabled"
    return test["slug"], state, str(test["version"]), " ".join(test["platforms"]), test["technique"], test["name"]
