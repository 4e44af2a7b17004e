"""`muster calendars …`: the days on which schedules do not run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from webapp.commands.client import named, printing
from webapp.commands.client.named import id_of
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.exits import USAGE, Exit

HEADS = ("ID", "NAME", "ON A DAY OFF")
DAYS = ("DATE", "NAME", "FROM")
COUNTRY = click.option("--country", help="Its public holidays: NL, GB …")
PART = click.option("--part", "subdivision", help="Of the country, like SCT.")
YEARS = click.option(
    "--year", "years", multiple=True, type=int, help="Of the holidays. Default: this and the next five."
)


@click.group(invoke_without_command=True)
@click.option("-q", "query", help="A part of the name.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@talks
def calendars(server: Server, query: str | None, form: str | None, as_json: bool) -> None:
    """List calendars; show, create or delete one; add and remove its dates."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    found = server.pieces("calendars", "", limit=None, q=query)
    if form.startswith("json"):
        printing.values(form, found)
    else:
        printing.rows(form, HEADS, ((str(row["id"]), row["name"], row["policy"].replace("_", " ")) for row in found))


@calendars.command()
@click.argument("calendar")
@click.option("--year", type=int, help="Only of this one.")
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@talks
def show(server: Server, calendar: str, year: int | None, as_json: bool) -> None:
    """The dates of a CALENDAR, named by its id or its name."""
    found = server.get("calendars", _id(server, calendar), "")
    days = [day for day in found["days"] if year is None or day["date"].startswith(f"{year}-")]
    if as_json:
        printing.values("json", [found | {"days": days}])
    else:
        printing.rows(printing.chosen(None), DAYS, ((day["date"], day["name"], day["source"]) for day in days))


@calendars.command()
@click.argument("title", metavar="NAME")
@click.option("--moves", is_flag=True, help="A run on a day off goes to the next working day; else it is skipped.")
@COUNTRY
@PART
@YEARS
@click.option("--org", "organization", help="Short name of the organization.")
@talks
def create(
    server: Server, title: str, moves: bool, country: str | None, subdivision: str | None, years: tuple[int, ...],
    organization: str | None,
) -> None:  # fmt: skip
    """Make a calendar, empty or with the public holidays of a country."""
    body: Json = {"name": title, "policy": "next_working_day" if moves else "skip"}
    body |= _holidays(country, subdivision, years) | ({"organization": organization} if organization else {})
    made = server.post("calendars", "", body=body)
    click.echo(f"{made['id']}\t{made['name']}\t{len(made['days'])} dates")


@calendars.command()
@click.argument("calendar")
@click.argument("file", required=False)
@COUNTRY
@PART
@YEARS
@talks
def add(
    server: Server, calendar: str, file: str | None, country: str | None, subdivision: str | None, years: tuple[int, ...]
) -> None:  # fmt: skip
    """Add dates to a CALENDAR: of a FILE, of a country, or of both.

    FILE is an iCalendar file, or has a line such as `2026-12-24..2026-12-31 Closed` for each date or range; - is the
    standard input. What cannot be read is named by its line, and then nothing is added.
    """
    body = _holidays(country, subdivision, years) | (_content(file) if file else {})
    if not body:
        raise Exit(USAGE, "Say which dates: a file, or --country")
    changed = server.post("calendars", _id(server, calendar), "days", "", body=body)
    click.echo(f"{calendar}: {changed['count']} dates added")


@calendars.command()
@click.argument("calendar")
@click.argument("dates", nargs=-1, required=True)
@talks
def remove(server: Server, calendar: str, dates: tuple[str, ...]) -> None:
    """Remove DATES from a CALENDAR."""
    changed = server.post("calendars", _id(server, calendar), "days", "remove", body={"dates": list(dates)})
    click.echo(f"{calendar}: {changed['count']} dates removed")


@calendars.command()
@click.argument("calendar")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def delete(server: Server, calendar: str, yes: bool) -> None:
    """Delete a CALENDAR that no schedule follows."""
    named.delete(server, "calendars", _id(server, calendar), calendar, yes)


def _id(server: Server, said: str) -> str:
    return id_of(server, "calendars", said)


def _holidays(country: str | None, subdivision: str | None, years: tuple[int, ...]) -> Json:
    if country is None and (subdivision or years):
        raise Exit(USAGE, "Name the country as well: --country")
    said: Json = {"country": country, "subdivision": subdivision, "years": list(years)}
    return {name: value for name, value in said.items() if value}


def _content(file: str) -> Json:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Exit(
            USAGE, f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}"
        ) from None
    return {"ics" if text.lstrip().upper().startswith("BEGIN:VCALENDAR") else "text": text}
