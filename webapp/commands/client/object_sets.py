"""`muster object-sets …`: which there are, who is in one now, and making one."""

from __future__ import annotations

import click

from webapp.commands.client import named, printing
from webapp.commands.client.named import id_of
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server

HEADS = ("ID", "NAME", "TYPE", "MEMBERS", "QUERY")


@click.group(invoke_without_command=True)
@click.option("-q", "query", help="A part of the name.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@talks
def object_sets(server: Server, query: str | None, form: str | None, as_json: bool) -> None:
    """List object sets; see who is in one; create or delete one."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    found = server.pieces("object-sets", "", limit=None, q=query)
    if form.startswith("json"):
        printing.values(form, found)
    else:
        printing.rows(
            form, HEADS, ([str(row[key]) for key in ("id", "name", "type", "count", "query")] for row in found)
        )


@object_sets.command()
@click.argument("object_set")
@click.option("--limit", "-n", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@talks
def members(server: Server, object_set: str, limit: int) -> None:
    """The keys of the objects that are in an OBJECT_SET now."""
    for key in server.get("object-sets", id_of(server, "object-sets", object_set), "members", "", limit=limit)["items"]:
        click.echo(key)


@object_sets.command()
@click.argument("title", metavar="NAME")
@click.argument("type")
@click.option("--query", default="", help="Like 'name:*.example.com seen:7d'; * is every object of the type.")
@click.option("--pick", "picked", multiple=True, help="An object by its key, like 'internet|www.example.com'.")
@click.option("--org", "organization", help="Short name of the organization.")
@talks
def create(
    server: Server, title: str, type: str, query: str, picked: tuple[str, ...], organization: str | None
) -> None:  # fmt: skip
    """Make an object set NAME of objects of a TYPE, such as hostname."""
    body: Json = {"name": title, "type": type, "query": query, "picked": list(picked)}
    made = server.post("object-sets", "", body=body | ({"organization": organization} if organization else {}))
    click.echo(f"{made['id']}\t{made['name']}\t{made['count']} members")


@object_sets.command()
@click.argument("object_set")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def delete(server: Server, object_set: str, yes: bool) -> None:
    """Delete an OBJECT_SET. Its objects stay; schedules that run on it find no members any more."""
    named.delete(server, "object-sets", id_of(server, "object-sets", object_set), object_set, yes)
