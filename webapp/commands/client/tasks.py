"""Verbs about tasks that exist: list and watch them, say why they wait, write about them."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from webapp.commands.client import printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.exits import USAGE, Exit

HEADS = ("ID", "STATUS", "WHAT", "WHERE", "CREATED", "TOOK", "INPUT OR REASON")
WIDE = ("ID", "STATUS", "WHAT", "WHERE", "BY", "CREATED", "TOOK", "EXIT", "REASON", "INPUT")
PLAIN = ("id", "status", "type", "what", "agent", "created_at", "ended_at", "exit_code", "reason", "input")
EVERY = 2.0  # seconds between two looks of --watch


@click.command()
@click.option("--status", "-s", multiple=True, help="Any status, or queued, running, success, open, final …")
@click.option("-q", "query", default="", help="The filter line of the pages: 'status:failed agent:web-* since:24h'.")
@click.option(
    "--output", "-o", "form", type=click.Choice(("wide", *printing.FORMS)), help="Default: a table, or tabs in a pipe."
)
@click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
@click.option("--limit", "-n", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("--all", "everything", is_flag=True, help="However many there are.")
@click.option("--watch", is_flag=True, help="Show the table anew every 2 s, until Ctrl-C.")
@talks
def tasks(server: Server, form: str | None, as_json: bool, watch: bool, **which: Any) -> None:
    """List tasks, newest first."""
    form = "json" if as_json else printing.chosen(form)
    if not watch:
        return _list(server, form, **which)
    if form not in ("table", "wide"):
        raise Exit(USAGE, "--watch shows a table: leave -o away, or use -o wide")
    try:
        while True:
            click.clear()
            _list(server, form, **which)
            time.sleep(EVERY)
    except KeyboardInterrupt:
        click.echo()


def _list(server: Server, form: str, status: tuple[str, ...], query: str, limit: int, everything: bool) -> None:
    asked: Json = {"status": list(status) or None, "q": query or None, "names": None if form.startswith("json") else 1}
    found = server.pieces("tasks", "", limit=None if everything else limit, **asked)
    if form.startswith("json"):
        printing.values(form, found)
    elif form in ("table", "wide"):
        heads, shown = (WIDE, _wide) if form == "wide" else (HEADS, _shown)
        printing.rows("table", heads, map(shown, found))
    else:
        printing.rows(form, PLAIN, ([_text(task[name]) for name in PLAIN] for task in found))


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


def _wide(task: Json) -> tuple[str, ...]:
    took = printing.took(task["started_at"], task["ended_at"])
    what = task["id"], printing.status(task["status"]), task["what"], task["agent"], task["created_by"] or ""
    return *what, task["created_at"], took, _text(task["exit_code"]), task["reason"] or "", task["input"]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
