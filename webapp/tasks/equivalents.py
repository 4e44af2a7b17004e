"""A task as its caller would write it again: the API's JSON, a curl line, a command line."""

from __future__ import annotations

import json
import shlex
from typing import Any

from webapp.language import _
from webapp.plugins.catalogue import find
from webapp.tasks.models import Task

HIDDEN = "•••"


def data(task: Task) -> dict[str, Any]:
    """Without the values of a plugin's secret parameters, which stay where they are needed."""
    plugin = find(task.plugin_id) if task.plugin_id else None
    secret = {each.name for each in plugin.manifest.secret_parameters} if plugin else set()
    kwargs = task.data.get("kwargs")
    if not secret or not isinstance(kwargs, dict):
        return dict(task.data)
    return task.data | {"kwargs": {name: HIDDEN if name in secret else value for name, value in kwargs.items()}}


def spec(task: Task) -> dict[str, Any]:
    """What a POST would say to have the same again, on the same host."""
    once = {name: value for name, value in task.options.items() if name not in ("not_before", "window")}
    parts = {"type": task.type, "data": data(task), "target": _target(task), "options": once}
    return {name: value for name, value in parts.items() if value or name == "data"}


def _target(task: Task) -> dict[str, Any]:
    """Objects and files are in the input already."""
    if task.executor != "agent":
        return {}
    return {"agents": [task.agent_name]} if task.agent_name and task.owner != "anyone" else dict(task.target)


def api(task: Task, server: str) -> str:
    body = shlex.quote(json.dumps(spec(task), ensure_ascii=False))
    return (
        f"curl -X POST {server}api/v1/tasks/ \\\n"
        '  -H "Authorization: Bearer $MUSTER_TOKEN" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {body}"
    )


def logs(task: Task) -> str:
    return f"muster logs {task.uuid}{' --follow' if task.open else ''}"


def blocks(task: Task, server: str) -> list[tuple[str, str, str]]:
    """Name, title and text of all that there is to say, word for word."""
    every = (
        ("input", "Input", _json(data(task))),
        ("result", "Result", _json(task.result)),
        ("options", "Options", _json(task.options)),
        ("target", "Target", _json(task.target)),
        ("api", _("The same again by the API"), api(task, server)),
        ("cli", _("The same again on the command line"), cli(task)),
        ("logs", _("Its output on the command line"), logs(task)),
    )
    return [block for block in every if block[2]]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ""


def cli(task: Task) -> str:
    """`muster run …`; what cannot be said with its options is run again by its id."""
    words = _command(task) if task.type == "execute_command" else _plugin(task) if task.type == "plugin" else None
    options = _options(task)
    if words is None or options is None:
        return f"muster run-task {task.uuid}"
    return shlex.join(["muster", "run", *_where(task), *options, *words])


def _command(task: Task) -> list[str]:
    return ["--", *(task.data["argv"] if "argv" in task.data else [task.data["command"]])]


def _plugin(task: Task) -> list[str] | None:
    called = data(task)
    inputs, kwargs = called.get("input_data") or [], called.get("kwargs") or {}
    simple = all(isinstance(each, str) for each in inputs) and called.get("action", "run") == "run"
    if not simple or called.get("args") or "plugin_id" not in called:
        return None
    words = ["--plugin", called["plugin_id"]]
    for each in inputs:
        words += ["--input", each]
    for name, value in kwargs.items():
        words += ["--arg", f"{name}={_typed(value)}"]
    return words


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


OPTIONS = {
    "execution_timeout": "--timeout", "max_retries": "--retries", "priority": "--priority", "limit": "--limit",
    "cwd": "--cwd", "run_as": "--run-as",
}  # fmt: skip
SILENT = {"not_before", "window", "success_exit_codes"}  # of the past, or the plugin's own


def _options(task: Task) -> list[str] | None:
    words: list[str] = []
    for name, value in task.options.items():
        if name == "env":
            words += [word for pair in value.items() for word in ("--env", "=".join(pair))]
        elif name in OPTIONS:
            words += [OPTIONS[name], str(value)]
        elif name not in SILENT:
            return None
    return words


def _where(task: Task) -> list[str]:
    target = _target(task)
    if "tags" in target:
        return [word for tag in target["tags"] for word in ("--tag", tag)]
    agents = target.get("agents", [])
    return [f"--{agents}"] if isinstance(agents, str) else [word for name in agents for word in ("--agent", name)]
