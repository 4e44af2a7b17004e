"""`muster enrolment-token …`: what lets hosts in."""

from __future__ import annotations

from collections.abc import Sequence

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server, path_of

HEADS = ("ID", "STATUS", "USES", "EXPIRES", "BY", "TAGS", "NOTE")


@click.group()
def enrolment_token() -> None:
    """Make, list and revoke the tokens that let hosts in."""


@enrolment_token.command()
@click.option("--org", help="Short name of the organization; needed when the token of this command sees several.")
@click.option("--tag", "-t", multiple=True, help="Every host that comes in with it gets this.")
@click.option("--uses", default=1, show_default=True, help="How many hosts it lets in.")
@click.option("--expires", default="1h", show_default=True, help="Such as 15m, 12h or 7d; 30 days at most.")
@click.option("--note", default="", help="What it is for.")
@click.option("--network", default="", help="From where it may be used, such as 10.0.0.0/8.")
@click.option("--approval", is_flag=True, help="Who comes in with it waits until somebody approves.")
@talks
def create(
    server: Server,
    org: str | None,
    tag: Sequence[str],
    uses: int,
    expires: str,
    note: str,
    network: str,
    approval: bool,
) -> None:
    """Make a token and print it, and nothing else. It is shown this once.

    Without MUSTER_TOKEN it is made beside the database, for whoever may read the server's own settings.
    """
    body: Json = {"tags": list(tag), "max_uses": uses, "expires": expires, "note": note, "network": network}
    body["approval"] = approval
    if not server.token:
        from webapp.commands import people  # the whole product, which no other verb about tokens needs

        click.echo(people.enrolment_token(org, **body))
        return
    click.echo(server.post("enrolment-tokens", "", body=body | ({"organization": org} if org else {}))["token"])


@enrolment_token.command("list")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@talks
def show(server: Server, form: str | None, as_json: bool, limit: int) -> None:
    """List the tokens, newest first. The tokens themselves are not shown again."""
    form = "json" if as_json else printing.chosen(form)
    found = server.pieces("enrolment-tokens", "", limit=limit)
    if form.startswith("json"):
        printing.values(form, found)
    else:
        printing.rows(form, HEADS, map(_row, found))


@enrolment_token.command()
@click.argument("token_id")
@talks
def delete(server: Server, token_id: str) -> None:
    """Revoke a token, named by its id: the eight characters after enr_. Hosts that came in with it stay."""
    token_id = token_id.removeprefix("enr_")[:8]  # whoever has the whole token may give it
    server.send("DELETE", path_of(("enrolment-tokens", token_id, ""))).read()
    click.echo(f"{token_id} is revoked")


def _row(token: Json) -> tuple[str, ...]:
    uses = f"{token['uses']} of {token['max_uses']}"
    tags = " ".join(token["tags"])
    return token["id"], token["status"], uses, token["expires_at"], token["created_by"], tags, token["note"]
