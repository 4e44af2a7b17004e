"""What runs and where, as options of a verb: a command on hosts, or a plugin on inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import click

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


OPTIONS = (
    click.argument("command", nargs=-1),
    click.option("--agent", "agents", multiple=True, help="A host, by name or id; repeat it for more."),
    click.option("--tag", "tags", multiple=True, help="Every host with one of these tags."),
    click.option("--all", "owner", flag_value="all", help="Every host that is online."),
    click.option("--anyone", "owner", flag_value="anyone", help="The first host that asks for work."),
    click.option("--plugin", help="A plugin instead of a command."),
    click.option("--test", help="A test of the library instead of a command; words behind -- are its arguments."),
    click.option("--input", "inputs", multiple=True, help="What the plugin works on; each input is a task."),
    click.option("--arg", "arguments", multiple=True, help="A parameter of the plugin: name=value."),
    click.option("--env", multiple=True, help="A variable of the command's environment: NAME=value."),
    click.option("--cwd", help="The command's working directory."),
    click.option("--run-as", help="The user on the host that runs it."),
    click.option("--timeout", "execution_timeout", type=Length(), help="End it after this, like 90s or 1h."),
    click.option("--retries", "max_retries", type=int, help="How often to try again by itself."),
    click.option("--priority", type=int, help="0 to 10; higher ones go first."),
    click.option("--limit", help="Name of a concurrency limit."),
)


def says_what(verb: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(OPTIONS):
        verb = option(verb)
    return verb


def spec(
    server: Server, command: tuple[str, ...], agents: tuple[str, ...], tags: tuple[str, ...], owner: str | None,
    plugin: str | None, test: str | None, inputs: tuple[str, ...], arguments: tuple[str, ...], env: tuple[str, ...],
    **options: Any,
) -> Json:  # fmt: skip
    """Type, data, target and options, as the API takes them."""
    if plugin and (test or command):
        raise Exit(USAGE, "Give a command, --plugin or --test, not several of them")
    body: Json = {"target": _target(agents, tags, owner)}
    if plugin:
        body |= {"type": "plugin", "data": _plugin(server, plugin, inputs, arguments)}
    elif test:
        body |= {"type": "execute_test", "data": {"test": test} | ({"arguments": list(command)} if command else {})}
    else:
        body |= {"type": "execute_command", "data": _command(command, body["target"])}
    body["options"] = {name: value for name, value in options.items() if value is not None}
    body["options"] |= {"env": pairs("--env", env)} if env else {}
    return body


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
