"""`muster schedules …`: what runs when, what a rule would do, and pausing, resuming and starting one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.exits import NOT_FOUND, USAGE, Exit

HEADS = ("ID", "STATE", "NAME", "WHEN", "NEXT", "LAST")
PLAIN = ("id", "status", "name", "text", "next_run_at", "last_run_at")
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
    """List schedules; preview a rule; pause, resume or run one."""
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
    """Only the whole name will do: what is started should be what was meant."""
    if said.isdecimal():
        return said
    found = [row for row in server.pieces("schedules", "", limit=None, q=said) if row["name"].lower() == said.lower()]
    if len(found) != 1:
        many = f"{len(found)} schedules are" if found else "No schedule is"
        raise Exit(USAGE if found else NOT_FOUND, f'{many} called "{said}". Name its id; `muster schedules` lists them')
    return str(found[0]["id"])


def _local(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment:%a} {moment.day:2d} {moment:%b %Y %H:%M:%S} {text[-6:]}"


def _shown(row: Json) -> tuple[str, ...]:
    last = printing.ago(row["last_run_at"]) or "never"
    return str(row["id"]), row["status"], row["name"], row["text"], row["next_run_at"] or "–", last
