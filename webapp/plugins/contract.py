"""What a plugin is: a file with `PLUGIN = Manifest(…)` and `def run(context)`.

docs/plugins.md is the guide for authors. Light on purpose, standard library only: task processes
fork from a parent that has loaded it, and agents run it on older Pythons.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from webapp.objects import types
from webapp.plugins.journal import Journal
from workers.agent.mask import in_file

PARAMETER_TYPES = ("string", "text", "integer", "number", "boolean", "choice", "list", "secret")
INPUT_TYPES = ("hostname", "ipaddress", "ipport", "url")
ANY_FILE = "file"
EXECUTORS = ("worker", "agent")
# What a plugin may give as the reason of its failure; the whole list is the one of tasks.
REASONS = (
    "plugin_error",
    "invalid_input",
    "network_error",
    "permission_denied",
    "memory_limit",
    "disk_full",
    "resource_limit",
    "timeout",
    "exit_code",
)


class Failed(Exception):
    """The plugin ends because it cannot do its work, with a reason from REASONS."""

    def __init__(self, text: str, reason: str = "plugin_error"):
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Parameter:
    """One field of a call or of a plugin's settings.

    `minimum` and `maximum` bound numbers, the length of texts and the count of a list.
    """

    name: str
    type: str = "string"
    default: Any = None
    required: bool = False
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""
    example: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        _require(re.fullmatch(r"[a-z][a-z0-9_]{0,63}", self.name), f"parameter name {self.name!r}")
        _require(self.type in PARAMETER_TYPES, f"{self.name}: type {self.type!r}", PARAMETER_TYPES)
        _require((self.type == "choice") == bool(self.choices), f"{self.name}: choices belong to type choice")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"manifest: check the pattern of {self.name}: {error}") from None

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


def overriding(settings: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Parameters by which a call may replace these settings; `Context.option` reads the pair."""
    return tuple(
        dataclasses.replace(each, default=None, help=f"{each.help} Empty takes the setting.") for each in settings
    )


@dataclass(frozen=True)
class Manifest:
    """What the server knows of a plugin without running it.

    `consumes`: types of INPUT_TYPES, `file:<type>` for files that it is fed with, `file` for any
    file that a person chooses. `any_input`: input_data is not checked. `free_arguments`: args and
    kwargs beyond the parameters reach the action as they are. Accepted exit codes decide success,
    but an error event fails the task whatever the code.
    """

    id: str
    name: str
    description: str
    version: str = "1.0"
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[Parameter, ...] = ()
    actions: tuple[str, ...] = ("run",)
    runs_on: tuple[str, ...] = ("worker",)
    timeout: int = 300
    memory_mb: int | None = None
    any_input: bool = False
    free_arguments: bool = False
    success_exit_codes: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if isinstance(getattr(self, field.name), list):
                object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        _require(re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", self.id), f"id {self.id!r}")
        _require(self.name and self.description and self.version, "name, description and version")
        for kind in self.consumes:
            _require(
                kind in (*INPUT_TYPES, ANY_FILE) or _is_file_type(kind),
                f"consumes {kind!r}",
                (*INPUT_TYPES, "file:<type>"),
            )
        for kind in self.produces:
            _require(
                kind in types.OBJECT_TYPES or _is_file_type(kind),
                f"produces {kind!r}",
                (*types.OBJECT_TYPES, "file:<type>"),
            )
        for parameters in (self.parameters, self.settings):
            names = [parameter.name for parameter in parameters]
            _require(len(set(names)) == len(names), f"parameter names, each once: {names}")
        _require(self.actions and all(action.isidentifier() for action in self.actions), f"actions {self.actions}")
        _require(self.runs_on and set(self.runs_on) <= set(EXECUTORS), f"runs_on {self.runs_on}", EXECUTORS)
        _require(self.timeout > 0, f"timeout {self.timeout}")

    @property
    def secret_parameters(self) -> tuple[Parameter, ...]:
        return tuple(each for each in self.parameters if each.type == "secret")

    @property
    def takes_files(self) -> bool:
        return any(kind.startswith(ANY_FILE) for kind in self.consumes)

    def offered_for(self, file_type: str) -> bool:
        """May a person run it on a file of this type?"""
        return ANY_FILE in self.consumes or self.fed_with(file_type)

    def fed_with(self, file_type: str) -> bool:
        """Does each new file of this type start it? `file` alone never does: it would take its own."""
        return f"file:{file_type}" in self.consumes

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Manifest:
        """ValueError names the first key that a manifest does not have, or has with a wrong value."""
        try:
            data = dict(_known(cls, data))
            for name in ("parameters", "settings"):
                data[name] = tuple(Parameter(**_known(Parameter, each)) for each in data.get(name, ()))
            return cls(**data)
        except TypeError as error:
            raise ValueError(f"manifest: {error}") from None


class Context:
    """All that a plugin gets, and its ways out. What it prints is its output, as of any program."""

    def __init__(self, manifest: Manifest, call: dict[str, Any], task_dir: Path, journal: Journal):
        self.plugin_id = manifest.id
        self.action: str = call.get("action", "run")
        self.inputs: list[Any] = call.get("inputs", [])
        self.network: str = call.get("network", types.INTERNET)
        self.args: list[Any] = call.get("args", [])
        self.kwargs: dict[str, Any] = call.get("kwargs", {})
        self.parameters: dict[str, Any] = call.get("parameters", {})
        self.settings: dict[str, Any] = call.get("settings", {})
        self.file: Path | None = Path(call["file"]) if call.get("file") else None
        self.task_dir = task_dir
        self.out = task_dir / "out"
        self.out.mkdir(exist_ok=True)
        self._source: dict[str, str] | None = call.get("source")
        self._journal = journal
        self._emitted: set[str] = set()
        self._told = ("", float("-inf"), 0)

    @property
    def input(self) -> Any:
        """The one input; most plugins have exactly one."""
        if len(self.inputs) != 1:
            self.fail(f"This plugin runs on one input, not on {len(self.inputs)}", "invalid_input")
        return self.inputs[0]

    def option(self, name: str) -> Any:
        """The parameter, or the organisation's setting of that name when the call leaves it out."""
        given = self.parameters.get(name)
        return self.settings.get(name) if given in (None, "") else given

    def progress(self, fraction: float, text: str = "") -> None:
        """0 to 1. Of the same text ten a second are kept, of any text once there were a thousand."""
        now = time.monotonic()
        fraction = min(1.0, max(0.0, float(fraction)))
        told_text, told_at, told = self._told
        if fraction < 1.0 and now - told_at < 0.1 and (text == told_text or told >= 1000):
            return
        self._told = (text, now, told + 1)
        self._journal.write("progress", fraction=round(fraction, 4), text=str(text)[:500])

    def save(self, name: str, data: bytes | str | dict | list, type: str = "") -> Path:
        """Keeps an output file. `type` is what other plugins consume as `file:<type>`; without one
        it is the name's extension. A second file of the same name gets a number."""
        if isinstance(data, (dict, list)):
            data = json.dumps(data, indent=2, ensure_ascii=False)
        path = self._free_path(name)
        # Written aside and renamed, so that a killed task leaves no half file under the name.
        part = path.with_name(path.name + ".part")
        part.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)
        os.replace(part, path)
        self.keep(path.name, type)
        return path

    def keep(self, name: str, type: str = "") -> None:
        """Keeps a file that the plugin, or a tool that it ran, has written into `out` itself."""
        path = self.out / name
        if path.parent != self.out or path.is_symlink() or not path.is_file():
            raise ValueError(f"There is no file {name} in {self.out}")
        if self._journal.secrets:
            in_file(str(path), self._journal.secrets)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
        self._journal.write(
            "file", name=name, type=_file_type(type, name), size=path.stat().st_size, sha256=digest.hexdigest()
        )

    def emit(self, type: str, /, **fields: Any) -> str:
        """Creates or updates an object; returns its natural key. The network is that of the input."""
        kind = types.type_of(type)
        if any(field.name == "network" for field in kind.fields):
            fields.setdefault("network", self.network)
        cleaned = types.clean(type, fields)
        key = types.natural_key(type, cleaned)
        once = json.dumps([type, cleaned])
        if once not in self._emitted:
            self._emitted.add(once)
            self._journal.write("object", type=type, key=key, fields=cleaned, source=self._source)
        return key

    def fail(self, text: str, reason: str = "plugin_error") -> NoReturn:
        """Ends the plugin here; the task fails with this text and reason."""
        if reason not in REASONS:
            raise ValueError(f"{reason!r} is no reason for a plugin; use one of {', '.join(REASONS)}")
        raise Failed(text, reason)

    def _free_path(self, name: str) -> Path:
        safe = re.sub(r"[^\w.+@=-]+", "-", name, flags=re.ASCII).lstrip(".-")[-200:] or "file"
        path, count = self.out / safe, 1
        while path.exists():
            count += 1
            path = self.out / f"{Path(safe).stem}-{count}{Path(safe).suffix}"
        return path


def _file_type(given: str, name: str) -> str:
    word = given or Path(name).suffix.lstrip(".") or "data"
    return re.sub(r"[^a-z0-9_-]+", "-", word.lower())[:64]


def _is_file_type(kind: str) -> bool:
    return bool(re.fullmatch(r"file:[a-z0-9_-]{1,64}", kind))


def _known(cls: Any, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{cls.__name__}: Enter an object")
    names = [field.name for field in dataclasses.fields(cls)]
    for name in data:
        if name not in names:
            raise ValueError(f"{cls.__name__}: {types.unknown('field', name, names)}")
    return data


def _require(condition: Any, what: str, known: tuple[str, ...] = ()) -> None:
    if not condition:
        raise ValueError(f"manifest: check {what}" + (f"; known are {', '.join(known)}" if known else ""))
