"""Verbs about tasks that exist: list them, say why they wait, stop them, write about them."""

from __future__ import annotations

import sys
from typing import Any

import click

from webapp.commands import exits
from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Refusal, Server
from webapp.commands.exits import NOT_FOUND, USAGE, Exit

HEADS = ("ID", "STATUS", "WHAT", "WHERE", "CREATED", "TOOK", "INPUT OR REASON")
PLAIN = ("id", "status", "type", "what", "agent", "created_at", "ended_at", "exit_code", "reason", "input")


@click.command()
@click.option("--status", "-s", multiple=True, help="Any status, or queued, running, success, open, final …")
@click.option("-q", "query", default="", help="The filter line of the pages: 'status:failed agent:web-* since:24h'.")
@click.option("--output", "-o", "form", type=click.Choice(printing.FORMS), help="Default: a table, or tabs in a pipe.")
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="However many there are.")
@talks
def tasks(
    server: Server, status: tuple[str, ...], query: str, form: str | None, as_json: bool, limit: int, everything: bool
) -> None:
    """List tasks, newest first."""
    form = "json" if as_json else printing.chosen(form)
    asked: Json = {"status": list(status) or None, "q": query or None, "names": None if form.startswith("json") else 1}
    found = server.pieces("tasks", "", limit=None if everything else limit, **asked)
    if form.startswith("json"):
        printing.values(form, found)
    elif form == "table":
        printing.rows(form, HEADS, map(_shown, found))
    else:
        printing.rows(form, PLAIN, ([_text(task[name]) for name in PLAIN] for task in found))


@click.command()
@click.argument("task_ids", nargs=-1)
@click.option("-q", "query", help="All that match this filter line.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks
def cancel(server: Server, task_ids: tuple[str, ...], query: str | None, yes: bool) -> None:
    """Cancel tasks: withdraw those that wait, stop those that run."""
    if bool(task_ids) == (query is not None):
        raise Exit(USAGE, "Name tasks, or give a filter with -q")
    if query is not None:
        return _cancel_matching(server, query, yes)
    sys.exit(max([_cancel(server, task_id) for task_id in task_ids]))


@click.command()
@click.argument("task_id")
@talks
def why(server: Server, task_id: str) -> None:
    """Say why a task waits."""
    task = server.get("tasks", task_id, "")
    for reason in task["why"]:
        click.echo(reason["text"] + (f" ({reason['at']})" if "at" in reason else ""))
    if not task["why"]:
        ended = task["error"] or task["reason"] or ""
        click.echo(f"It does not wait. It is {printing.status(task['status'])}" + (f": {ended}" if ended else ""))


@click.command()
@click.argument("task_id")
@click.option("--add", "text", help="Write a note; - reads it from stdin.")
@talks
def notes(server: Server, task_id: str, text: str | None) -> None:
    """Show the notes of a task, or write one."""
    if text is not None:
        server.post("tasks", task_id, "notes", "", body={"text": sys.stdin.read() if text == "-" else text})
        return
    for note in server.pieces("tasks", task_id, "notes", "", limit=None):
        click.echo(f"{note['author']}, {note['created_at']}\n{note['text']}\n")


def _shown(task: Json) -> tuple[str, ...]:
    detail = task["reason"] or "" if task["status"] in ("failed", "skipped") else task["input"]
    where, began = task["agent"], task["started_at"]
    took = printing.took(began, task["ended_at"])
    state = printing.status(task["status"])
    return task["id"][:8], state, task["what"], where, printing.ago(task["created_at"]), took, detail


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _cancel(server: Server, task_id: str) -> int:
    try:
        task = server.post("tasks", task_id, "cancel")
    except Refusal as refusal:
        if refusal.status not in (404, 409):
            raise
        click.echo(f"Error: {task_id[:8]}: {refusal.message}", err=True)
        return NOT_FOUND if refusal.status == 404 else exits.FAILED
    click.echo(f"{task['id'][:8]} " + ("cancelled" if task["status"] == "cancelled" else "is asked to stop"))
    return exits.OK


def _cancel_matching(server: Server, query: str, yes: bool) -> None:
    query = f"{query} status:open"
    count = server.get("tasks", "count", q=query)["count"]
    if count == 0:
        click.echo("No open task matches")
        return
    if not yes:
        click.confirm(f"Cancel {count:,} open tasks?", abort=True)
    answer = server.post("tasks", "bulk", body={"do": "cancel", "filter": {"q": query}, "expected": count})
    click.echo(f"{answer['done']} cancelled or asked to stop")
    for each in answer["refused"]:
        click.echo(f"Error: {each['id'][:8]}: {each['reason']}", err=True)
    sys.exit(exits.FAILED if answer["refused"] else exits.OK)
