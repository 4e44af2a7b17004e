"""A form about a new task, read into the JSON that the API takes too; and its errors, brought back to their fields."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.agents.picker import Picker
from webapp.language import N_
from webapp.plugins import inputs, parameters
from webapp.plugins import queries as plugins
from webapp.plugins.discovery import Plugin
from webapp.tasks.spec import DURATIONS

PLUGIN, COMMAND, TEST = "plugin", "execute_command", "execute_test"
KINDS = {PLUGIN: N_("Plugin"), COMMAND: N_("Shell command"), TEST: N_("Security test")}
# Option → the field's label and help; all of them are text in the form.
OPTIONS: dict[str, tuple[str, str]] = {
    "priority": (N_("Priority"), N_("0 to 10; higher ones start first")),
    "execution_timeout": (N_("Timeout"), N_("Like 300, 15m or 1h")),
    "max_retries": (N_("Retries"), N_("How often a failure is tried again")),
    "retry_on": (N_("Retry on"), N_("Reasons, like timeout or exit_code")),
    "retry_delay": (N_("Retry delay"), N_("Before the first retry; it doubles")),
    "expires_in": (N_("Expires"), N_("If nobody has picked it up by then, like 7d")),
    "success_exit_codes": (N_("Success exit codes"), N_("Like 0 or 0, 3")),
    "max_output": (N_("Most output, in bytes"), N_("More is dropped, with a marker")),
    "limit": (N_("Concurrency limit"), N_("The name of a limit that it counts against")),
    "run_as": (N_("Run as"), N_("A user that the host's own policy allows")),
    "cwd": (N_("Working directory"), N_("On the host")),
    "tags": (N_("Tags"), N_("To find it by")),
}
NUMBERS = ("priority", "execution_timeout", "max_retries", "retry_delay", "expires_in", "max_output")


def body(form: MultiDict[str, str], kind: str, picker: Picker) -> dict[str, Any]:
    """As POST /api/v1/tasks/ takes it. What cannot be read stays text, so that the check names its field."""
    found: dict[str, Any] = {"type": kind, "data": data(form, kind), "options": options(form)}
    if kind != PLUGIN or form.get("on") == "agents":
        found["target"] = picker.target
    elif form.get("object_set"):
        found["target"] = {"object_set": form["object_set"]}
    return found


def data(form: MultiDict[str, str], kind: str) -> dict[str, Any]:
    if kind == COMMAND:
        # Browsers end lines as HTTP does; a shell takes the carriage return for a part of the word.
        return {"command": form.get("command", "").replace("\r\n", "\n")}
    if kind == TEST:
        words = {name: form.get(name, "").strip() for name in ("test", "platform", "arch")}
        return words | ({"arguments": split(form["arguments"])} if form.get("arguments", "").strip() else {})
    plugin = plugins.find(form.get("plugin", ""))
    found: dict[str, Any] = {"plugin_id": form.get("plugin", "")}
    listed = _files(form) or inputs.from_text(form.get("inputs", ""))
    if listed:
        found["input_data"] = listed
    if form.get("action") and form["action"] != "run":
        found["action"] = form["action"]
    if plugin and (given := kwargs(plugin, form)):
        found["kwargs"] = given
    return found


def _files(form: MultiDict[str, str]) -> list[dict[str, str]]:
    return [{"file": uuid} for uuid in form.getlist("file") if uuid]


def kwargs(plugin: Plugin, form: MultiDict[str, str]) -> dict[str, Any]:
    """Only what differs from the defaults, so that a task says what was chosen for it."""
    typed = {p.name: form.get(f"p_{p.name}", "") for p in plugin.manifest.parameters}
    read = parameters.from_form(plugin.manifest.parameters, typed)
    defaults = {p.name: p.default for p in plugin.manifest.parameters}
    return {name: value for name, value in read.items() if value != defaults[name]}


def options(form: MultiDict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in OPTIONS:
        if typed := form.get(f"o_{name}", "").strip():
            found[name] = _option(name, typed)
    if typed := form.get("o_env", "").strip():
        found["env"] = dict(line.partition("=")[::2] for line in typed.splitlines() if line.strip())
    return found


def _option(name: str, typed: str) -> Any:
    if name == "success_exit_codes":
        words = [word for word in re.split(r"[\s,]+", typed) if word]
        return [int(word) if word.isdigit() and len(word) < 6 else word for word in words]
    if name in ("tags", "retry_on"):
        return [word for word in re.split(r"[\s,]+", typed) if word]
    if name in NUMBERS and re.fullmatch(r"-?\d{1,15}", typed) and (name not in DURATIONS or typed.isdigit()):
        return int(typed)
    return typed


def split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def join(words: Sequence[str]) -> str:
    """What `split` takes apart again."""
    return shlex.join(words)


def told(errors: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Each error with the id of the field it belongs to."""
    return [{"id": _field_id(error["field"]), "message": error["message"]} for error in errors]


def _field_id(path: str) -> str:
    head, _, rest = path.partition(".")
    if head == "options":
        return f"o_{rest.partition('.')[0]}"
    if head in ("target", "when"):
        return "object_set" if rest.startswith("object_set") else {"target": "where"}.get(head, head)
    if head != "data":
        return "kind"
    name, _, last = rest.partition(".")
    known = {"plugin_id": "plugin", "input_data": "inputs", "kwargs": f"p_{last.partition('.')[0]}"}
    return known.get(name, name)


def first_values(args: MultiDict[str, str]) -> MultiDict[str, str]:
    """What an address may ask for: `?plugin=`, `?test=`, `?agent=`, `?inputs=`."""
    given = MultiDict(args)
    if "kind" not in given:
        given["kind"] = TEST if "test" in given else COMMAND if "agent" in given else PLUGIN
    if "plugin" not in given:
        given["plugin"] = "demo"
    return given
