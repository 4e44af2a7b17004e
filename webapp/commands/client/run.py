"""Verbs that make tasks: a command on hosts, a plugin on inputs, an earlier task again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from webapp.commands.client import follow, printing, what
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.client.what import Length, says_what


def waits(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of verbs that may stay until the end."""
    for option in (
        click.option("--max-wait", type=Length(), help="Wait no longer, like 10m; then the exit code is 124."),
        click.option("--follow", "-f", "live", is_flag=True, help="Print its output while it runs."),
        click.option("--wait", "-w", "stay", is_flag=True, help="Stay until it has ended; the exit code tells how."),
    ):
        command = option(command)
    return command


@click.command()
@says_what
@click.option("--org", "organization", help="Short name of the organization.")
@waits
@talks
def run(server: Server, organization: str | None, stay: bool, live: bool, max_wait: int | None, **asked: Any) -> None:
    """Run a command on hosts, or a plugin.

    \b
    muster run --tag web -- 'df -h / | tail -1'     one word is a line for the shell
    muster run --agent web-1 --wait -- df -h /      several are a program and its arguments
    muster run --plugin dns_records --input example.com --follow
    """
    body = what.spec(server, **asked)
    body |= {"organization": organization} if organization else {}
    _finish(server, server.post("batches", "", body=body), stay, live, max_wait)


@click.command()
@click.argument("task_id")
@waits
@talks
def run_task(server: Server, task_id: str, stay: bool, live: bool, max_wait: int | None) -> None:
    """Run a task now: one that waits at once, one that has ended once more."""
    task = server.get("tasks", task_id, "")
    verb = "reschedule" if task["status"] in follow.FINAL else "run-now"
    task_id = server.post("tasks", task["id"], verb)["id"]
    if not (stay or live):
        return _tell([task_id])
    try:
        if live:
            follow.output(server, task_id)
        ended = follow.end_of_task(server, task_id, max_wait)
    except KeyboardInterrupt:
        follow.detach(task_id)
    sys.exit(follow.exit_code({ended["status"]: 1}))


def _finish(server: Server, batch: Json, stay: bool, live: bool, max_wait: int | None) -> None:
    ids = batch["task_ids"]
    if not (stay or live):
        _tell(ids)
        return
    try:
        if live and len(ids) == 1:
            follow.output(server, ids[0])
        ended = follow.end_of_batch(server, batch["id"], max_wait)
    except KeyboardInterrupt:
        follow.detach(ids[0] if ids else batch["id"])
    if live and len(ended["task_ids"]) > 1:
        _print_each(server, ended["task_ids"])
    if not live:
        _summary(server, ended)
    sys.exit(follow.exit_code(ended["counts"]))


def _tell(ids: list[str]) -> None:
    """Only ids for programs; for people also what to do with them."""
    for task_id in ids:
        click.echo(task_id)
    if sys.stdout.isatty() and ids:
        click.echo(f"Follow it: muster logs {ids[0][:8]} --follow", err=True)


def _print_each(server: Server, ids: list[str]) -> None:
    """Of several, one after the other: what they print at the same time cannot be read."""
    for task_id in ids:
        task = server.get("tasks", task_id, "", names=1)
        click.echo(f"── {task['agent']} · {task['what']} · {printing.status(task['status'])} ──")
        follow.output(server, task_id)


def _summary(server: Server, batch: Json) -> None:
    for task_id in batch["task_ids"]:
        task = server.get("tasks", task_id, "", names=1)
        line = (
            task["id"] if not sys.stdout.isatty() else task["id"][:8],
            printing.status(task["status"]),
            task["agent"],
        )
        click.echo("\t".join([*line, task["error"] or task["reason"] or ""]).rstrip())
