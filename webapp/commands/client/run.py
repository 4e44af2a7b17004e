"""Verbs that make tasks: a command on hosts, a plugin on inputs, an earlier task again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click

from webapp.commands.client import follow, printing
from webapp.commands.client.profile import talks
from webapp.commands.client.server import Json, Server
from webapp.commands.exits import USAGE, Exit
from webapp.tasks import duration


class Length(click.ParamType):
    """90s, 15m, 1h: seconds."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else duration.seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
@click.argument("command", nargs=-1)
@click.option("--agent", "agents", multiple=True, help="A host, by name or id; repeat it for more.")
@click.option("--tag", "tags", multiple=True, help="Every host with one of these tags.")
@click.option("--all", "owner", flag_value="all", help="Every host that is online.")
@click.option("--anyone", "owner", flag_value="anyone", help="The first host that asks for work.")
@click.option("--plugin", help="A plugin instead of a command.")
@click.option("--input", "inputs", multiple=True, help="What the plugin works on; each input is a task.")
@click.option("--arg", "arguments", multiple=True, help="A parameter of the plugin: name=value.")
@click.option("--env", multiple=True, help="A variable of the command's environment: NAME=value.")
@click.option("--cwd", help="The command's working directory.")
@click.option("--run-as", help="The user on the host that runs it.")
@click.option("--timeout", "execution_timeout", type=Length(), help="End it after this, like 90s or 1h.")
@click.option("--retries", "max_retries", type=int, help="How often to try again by itself.")
@click.option("--priority", type=int, help="0 to 10; higher ones go first.")
@click.option("--limit", help="Name of a concurrency limit.")
@click.option("--org", "organization", help="Short name of the organization.")
@waits
@talks
def run(
    server: Server, command: tuple[str, ...], agents: tuple[str, ...], tags: tuple[str, ...], owner: str | None,
    plugin: str | None, inputs: tuple[str, ...], arguments: tuple[str, ...], env: tuple[str, ...],
    organization: str | None, stay: bool, live: bool, max_wait: int | None, **options: Any,
) -> None:  # fmt: skip
    """Run a command on hosts, or a plugin.

    \b
    muster run --tag web -- 'df -h / | tail -1'     one word is a line for the shell
    muster run --agent web-1 --wait -- df -h /      several are a program and its arguments
    muster run --plugin dns_records --input example.com --follow
    """
    body: Json = {"target": _target(agents, tags, owner)}
    if plugin:
        body |= {"type": "plugin", "data": _plugin(server, plugin, inputs, arguments)}
    else:
        body |= {"type": "execute_command", "data": _command(command, body["target"])}
    body["options"] = {name: value for name, value in options.items() if value is not None}
    body["options"] |= {"env": pairs("--env", env)} if env else {}
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


def _target(agents: tuple[str, ...], tags: tuple[str, ...], owner: str | None) -> Json:
    if bool(agents) + bool(tags) + bool(owner) > 1:
        raise Exit(USAGE, "Choose one of --agent, --tag, --all and --anyone")
    if tags:
        return {"tags": list(tags)}
    return {"agents": owner or list(agents)} if owner or agents else {}


def _command(words: tuple[str, ...], target: Json) -> Json:
    if not words:
        raise Exit(USAGE, "Enter the command to run, behind --")
    if not target:
        raise Exit(USAGE, "Choose where it runs: --agent HOST, --tag TAG, --all or --anyone")
    return {"command": words[0]} if len(words) == 1 else {"argv": list(words)}


def _plugin(server: Server, plugin_id: str, inputs: tuple[str, ...], arguments: tuple[str, ...]) -> Json:
    data: Json = {"plugin_id": plugin_id}
    if inputs:
        data["input_data"] = list(inputs)
    if arguments:
        types = {each["name"]: each["type"] for each in server.get("plugins", plugin_id, "")["parameters"]}
        given = pairs("--arg", arguments)
        data["kwargs"] = {name: typed(types.get(name, ""), text) for name, text in given.items()}
    return data


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if wrong := [name for name, sign, _ in pairs if not (name and sign)]:
        raise Exit(USAGE, f"{option} {wrong[0]}: write name=value")
    return {name: value for name, _, value in pairs}


def typed(kind: str, text: str) -> Any:
    """As the plugin's parameter wants it; what cannot be read stays text, and the server names the field."""
    if kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind in ("string", "text", "secret", "choice"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


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
