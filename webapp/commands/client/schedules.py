"""`muster schedules …`: what runs when, what a rule would do, what became of it; making, pausing and starting one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from webapp.commands.client import named, printing, what
from webapp.commands.client.named import id_of
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.client.what import says_what
from webapp.commands.exits import USAGE, Exit

HEADS = ("ID", "STATE", "NAME", "WHEN", "NEXT", "LAST")
PLAIN = ("id", "status", "name", "text", "next_run_at", "last_run_at")
SLOTS = ("id", "at", "end", "count", "text")
RUNS = ("at", "schedule_id", "name", "what")
MARKS = {"gap": "clocks change", "repeated": "clocks change", "holiday": "day off"}


@click.group(invoke_without_command=True)
@click.option("--status", "-s", multiple=True, help="active, paused, completed or error.")
@click.option("-q", "query", help="Words of the name, of what it runs, or of when.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")
@talks
def schedules(
    server: Server, status: tuple[str, ...], query: str | None, form: str | None, as_json: bool, limit: int
) -> None:
    """List schedules and what became of them; preview a rule; create, pause, resume, run or delete one."""
    if click.get_current_context().invoked_subcommand:
        return
    form = "json" if as_json else printing.chosen(form)
    found = server.pieces("schedules", "", limit=limit, status=list(status) or None, q=query)
    if form.startswith("json"):
        printing.values(form, found)
    elif form == "table":
        printing.rows(form, HEADS, map(_shown, found))
    else:
        printing.rows(form, PLAIN, (["" if row[name] is None else str(row[name]) for name in PLAIN] for row in found))


@schedules.command()
@click.argument("rule")
@click.option("--tz", "timezone", default="UTC", show_default=True, help="Time zone, like Europe/Amsterdam.")
@click.option("--calendar", help="Name of a calendar of days off.")
@click.option("-n", "count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many runs.")
@click.option("--from", "begin", help="After this time instead of now.")
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@talks
def preview(
    server: Server, rule: str, timezone: str, calendar: str | None, count: int, begin: str | None, as_json: bool
) -> None:
    """Say what a RULE means and when it runs. RULE is cron text or the JSON of a rule."""
    asked: Json = {"rule": _rule(rule), "timezone": timezone, "count": count}
    asked |= {name: value for name, value in (("calendar", calendar), ("from", begin)) if value}
    answer = server.post("schedules", "preview", body=asked)
    if as_json:
        printing.values("json", [answer])
        return
    click.echo(answer["text"])
    for slot in answer["slots"]:
        mark = f"  {MARKS[slot['note']]}: {slot['remark']}" if slot["note"] else ""
        click.echo(f"  {_local(slot['local'])}  {slot['at']}{mark}")


@schedules.command()
@click.argument("rule")
@says_what
@click.option("--name", "title", help="Default: what it runs.")
@click.option("--tz", "timezone", help="Time zone, like Europe/Amsterdam. Default: UTC.")
@click.option("--calendar", help="Name of a calendar of days off.")
@click.option("--misfire", type=click.Choice(("skip", "once", "all")), help="Of missed runs. Default: once.")
@click.option("--overlap", type=click.Choice(("allow", "skip", "queue", "replace")), help="Default: skip.")
@click.option("--from", "start", help="Not before this time.")
@click.option("--until", "end", help="Not after this time; a date means all of it.")
@click.option("--org", "organization", help="Short name of the organization.")
@talks
def create(
    server: Server, rule: str, title: str | None, timezone: str | None, calendar: str | None, misfire: str | None,
    overlap: str | None, start: str | None, end: str | None, organization: str | None, **asked: Any,
) -> None:  # fmt: skip
    """Make a schedule. RULE is cron text or the JSON of a rule; the rest says what runs, as for `muster run`.

    \b
    muster schedules create '30 9 * * 1-5' --tz Europe/London --tag web -- df -h
    muster schedules create '{"kind": "random"}' --plugin dns_records --input example.com
    """
    said = {"name": title, "timezone": timezone, "calendar": calendar, "misfire": misfire, "overlap": overlap,
            "start": start, "end": end, "organization": organization}  # fmt: skip
    body = {key: value for key, value in said.items() if value}
    made = server.post("schedules", "", body=body | {"rule": _rule(rule), "spec": what.spec(server, **asked)})
    click.echo(f"{made['id']}\t{made['name']}\t{made['text']}\t{made['next_run_at']}")


@schedules.command()
@click.argument("schedule")
@click.option("--end", "ends", multiple=True, help="Only those that are fired, skipped, missed or waiting.")
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@click.option("--limit", "-n", type=click.IntRange(1), default=25, show_default=True, help="How many at most.")
@talks
def slots(server: Server, schedule: str, ends: tuple[str, ...], as_json: bool, limit: int) -> None:
    """What became of the due moments of a SCHEDULE, newest first."""
    found = server.pieces("schedules", _id(server, schedule), "slots", "", limit=limit, end=list(ends) or None)
    _print(found, SLOTS, as_json)


@schedules.command()
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How far ahead.")
@click.option("--json", "as_json", is_flag=True, help="As the server answers.")
@click.option("--limit", "-n", type=click.IntRange(1, 500), default=100, show_default=True, help="How many at most.")
@talks
def upcoming(server: Server, hours: int, as_json: bool, limit: int) -> None:
    """What runs next, of all schedules."""
    _print(server.get("schedules", "upcoming", hours=hours, limit=limit)["items"], RUNS, as_json)


@schedules.command("run-missed")
@click.argument("slots", nargs=-1, required=True)
@talks
def run_missed(server: Server, slots: tuple[str, ...]) -> None:
    """Make up for missed SLOTS, by their ids. Prints the ids of their tasks."""
    for slot in slots:
        for task_id in server.post("slots", slot, "run")["task_ids"]:
            click.echo(task_id)


@schedules.command()
@click.argument("schedule")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def delete(server: Server, schedule: str, yes: bool) -> None:
    """Delete a SCHEDULE. Its tasks stay; those that wait are cancelled."""
    number = _id(server, schedule)
    named.delete(server, "schedules", number, server.get("schedules", number, "")["name"], yes)


@schedules.command()
@click.argument("schedule")
@click.option("--reason", "-r", default="", help="Why, for those who wonder.")
@click.option("--until", "resume_at", help="It goes on by itself then.")
@talks
def pause(server: Server, schedule: str, reason: str, resume_at: str | None) -> None:
    """Pause a SCHEDULE, named by its id or its name."""
    body = {name: value for name, value in (("reason", reason), ("resume_at", resume_at)) if value}
    answer = server.post("schedules", _id(server, schedule), "pause", body=body)
    click.echo(f"{answer['name']} is paused" + (f" until {answer['resume_at']}" if answer["resume_at"] else ""))


@schedules.command()
@click.argument("schedule")
@talks
def resume(server: Server, schedule: str) -> None:
    """Resume a SCHEDULE, named by its id or its name."""
    answer = server.post("schedules", _id(server, schedule), "resume")
    click.echo(f"{answer['name']} is {answer['status']}; next run {answer['next_run_at'] or 'never'}")


@schedules.command()
@click.argument("schedule")
@talks
def run(server: Server, schedule: str) -> None:
    """Run a SCHEDULE now, named by its id or its name. Prints the ids of its tasks."""
    for task_id in server.post("schedules", _id(server, schedule), "run")["task_ids"]:
        click.echo(task_id)


def _rule(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return {"kind": "cron", "expr": text}
    try:
        return json.loads(text)
    except ValueError as error:
        raise Exit(USAGE, f"The rule is not JSON: {error}") from None


def _id(server: Server, said: str) -> str:
    return id_of(server, "schedules", said, **({} if said.isdecimal() else {"q": said}))


def _print(found: Iterable[Json], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        printing.values("json", found)
    else:
        heads = tuple(name.replace("_", " ").upper() for name in columns)
        cells = (["" if row[name] is None else str(row[name]) for name in columns] for row in found)
        printing.rows(printing.chosen(None), heads, cells)


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment:%a} {moment.day:2d} {moment:%b %Y %H:%M:%S} {text[-6:]}"


def _shown(row: Json) -> tuple[str, ...]:
    last = printing.ago(row["last_run_at"]) or "never"
    return str(row["id"]), row["status"], row["name"], row["text"], row["next_run_at"] or "–", last
