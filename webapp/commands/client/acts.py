"""Verbs that act on tasks: on named ones, or on all that match a filter line and that the verb is for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click
from werkzeug.datastructures import MultiDict

from webapp import clock
from webapp.commands import exits
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Refusal, Server, path_of
from webapp.commands.exits import NOT_FOUND, USAGE, Exit
from webapp.tasks import states
from webapp.tasks.lists import filters
from webapp.tasks.states import Status


@dataclass(frozen=True)
class Act:
    do: str
    past: str
    among: frozenset[Status]  # those that a filter line may mean
    adjective: str
    told: Callable[[str, Json], str]  # the line for one task, of its short id and the answer


CANCEL = Act(
    "cancel", "cancelled or asked to stop", states.OPEN, "open",
    lambda short, task: f"{short} " + ("cancelled" if task["status"] == "cancelled" else "is asked to stop"),
)  # fmt: skip
RETRY = Act("retry", "retried", frozenset({Status.FAILED, Status.EXPIRED}), "failed", lambda _, task: task["id"])
RESCHEDULE = Act("reschedule", "rescheduled", states.FINAL, "ended", lambda _, task: task["id"])
DELETE = Act("delete", "deleted", states.FINAL, "ended", lambda short, _: f"{short} deleted")


def acts(command: Callable[..., Any]) -> Callable[..., Any]:
    for add in (
        talks,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("-q", "query", help="All that match this filter line."),
        click.argument("task_ids", nargs=-1),
        click.command(),
    ):
        command = add(command)
    return command


@acts
def cancel(server: Server, **which: Any) -> None:
    """Cancel tasks: withdraw those that wait, stop those that run."""
    _act(server, CANCEL, **which)


@acts
def retry(server: Server, **which: Any) -> None:
    """Try failed tasks again, as further attempts; prints the new ids."""
    _act(server, RETRY, **which)


@acts
def reschedule(server: Server, **which: Any) -> None:
    """Run tasks that have ended once more, as new ones; prints the new ids."""
    _act(server, RESCHEDULE, **which)


@acts
def delete(server: Server, **which: Any) -> None:
    """Delete tasks that have ended."""
    _act(server, DELETE, **which)


def _act(server: Server, act: Act, task_ids: tuple[str, ...], query: str | None, yes: bool) -> None:
    if bool(task_ids) == (query is not None):
        raise Exit(USAGE, "Name tasks, or give a filter with -q")
    if query is not None:
        sys.exit(_on_all(server, act, query, yes))
    sys.exit(max([_on_one(server, act, task_id) for task_id in task_ids]))


def _on_one(server: Server, act: Act, task_id: str) -> int:
    try:
        if act is DELETE:
            server.send("DELETE", path_of(("tasks", task_id, ""))).read()
            answer: Json = {}
        else:
            answer = server.post("tasks", task_id, act.do)
    except Refusal as refusal:
        if refusal.status not in (404, 409):
            raise
        click.echo(f"Error: {task_id[:8]}: {refusal.message}", err=True)
        return NOT_FOUND if refusal.status == 404 else exits.FAILED
    click.echo(act.told(answer.get("id", task_id)[:8] if act is CANCEL else task_id[:8], answer))
    return exits.OK


def _on_all(server: Server, act: Act, query: str, yes: bool) -> int:
    chosen = _chosen(act, query)
    count = server.get("tasks", "count", **chosen)["count"] if chosen else 0
    if count == 0:
        click.echo(f"No {act.adjective} task matches")
        return exits.OK
    if not yes:
        click.confirm(f"{act.do.capitalize()} {count:,} {act.adjective} task{'s' if count > 1 else ''}?", abort=True)
    answer = server.post("tasks", "bulk", body={"do": act.do, "filter": chosen, "expected": count})
    click.echo(f"{answer['done']} {act.past}")
    for each in answer["refused"]:
        click.echo(f"Error: {each['id'][:8]}: {each['reason']}", err=True)
    return exits.FAILED if answer["refused"] else exits.OK


def _chosen(act: Act, query: str) -> Json | None:
    """The filter, of the statuses that it names only those which the verb is for; None when that leaves none.

    Two statuses in a line mean either of them, so the verb's own cannot simply be added to it.
    """
    try:
        found = filters.parse(MultiDict([("q", query)]), clock.now())
    except filters.FilterError as error:
        raise Exit(USAGE, error.text) from None
    among = found.statuses & act.among if found.status else act.among
    pairs = MultiDict(replace(found, status=tuple(among)).plain())
    return dict(pairs.lists()) if among else None
