"""Which plugins there are: shipped ones, those of installed packages, those in the plugins folder.

The server calls `discover`, which reads them in a process of its own: a file that hangs, exits or
crashes while it is imported costs that file only. Task processes call `load` with a location.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from webapp.plugins import builtin, parameters, programs
from webapp.plugins.contract import Context, Manifest, Parameter

GROUP = "muster.plugins"
SECONDS = 20.0
# Nothing else of the server's environment reaches a process that imports plugin code.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True)
class Plugin:
    """`location` finds it again: builtin:<id>, module:<name>, file:<path> or program:<path>."""

    manifest: Manifest
    location: str

    @property
    def id(self) -> str:
        return self.manifest.id


@dataclass(frozen=True)
class Broken:
    location: str
    error: str
    traceback: str = ""


@dataclass
class Catalogue:
    plugins: dict[str, Plugin] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


@dataclass(frozen=True)
class Loaded:
    manifest: Manifest
    actions: dict[str, Callable[[Context], Any]]


def discover(folder: Path | None = None, seconds: float = SECONDS) -> Catalogue:
    """Reads every manifest; a file that takes longer than `seconds` is given up."""
    catalogue = Catalogue()
    left = list(locations(folder))
    while left:
        said = _read_apart(left, seconds)
        for location, answer in zip(left, said):
            _take(catalogue, location, answer)
        left = left[len(said) :]
    return catalogue


def locations(folder: Path | None = None) -> Iterator[str]:
    """Shipped ones first: of two plugins with one id, the first one keeps it."""
    for name in sorted(module.name for module in pkgutil.iter_modules(builtin.__path__)):
        yield f"builtin:{name}"
    yield from sorted(f"module:{name}" for name in _entry_points())
    if folder and folder.is_dir():
        for path in sorted(folder.resolve().iterdir()):
            if path.name.endswith(programs.SUFFIX):
                yield f"program:{path}"
            elif path.suffix == ".py" and not path.name.startswith(("_", ".")):
                yield f"file:{path}"


def locate(plugin_id: str, folder: Path | None = None) -> str:
    """The location of an id, for who starts a plugin by hand; LookupError when there is none."""
    if f"builtin:{plugin_id}" in locations():
        return f"builtin:{plugin_id}"
    found = discover(folder).plugins.get(plugin_id)
    if not found:
        raise LookupError(f"There is no plugin {plugin_id}")
    return found.location


def load(location: str) -> Loaded:
    """Imports the plugin's code here; any fault of it is raised as it is."""
    kind, _, where = location.partition(":")
    if kind == "program":
        manifest, program = programs.read_manifest(Path(where))
        actions = {action: programs.runner(program) for action in manifest.actions}
    else:
        module = _import(kind, where)
        manifest = _manifest(module)
        actions = {action: _action(module, action) for action in manifest.actions}
    return Loaded(manifest, actions)


def _import(kind: str, where: str) -> Any:
    if kind == "builtin":
        return importlib.import_module(f"{builtin.__name__}.{where}")
    if kind == "module":
        return importlib.import_module(where)
    if kind != "file":
        raise LookupError(f"Unknown location {kind}:{where}")
    name = f"muster_plugin_{Path(where).stem}"
    spec = importlib.util.spec_from_file_location(name, where)
    if not spec or not spec.loader:
        raise ImportError(f"{where} is no Python file")
    # Registered before it runs: dataclasses and pickle look their module up by name.
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _manifest(module: Any) -> Manifest:
    manifest = getattr(module, "PLUGIN", None)
    if not isinstance(manifest, Manifest):
        raise ValueError("The file has no PLUGIN = Manifest(…)")
    return manifest


def _action(module: Any, name: str) -> Callable[[Context], Any]:
    action = getattr(module, name, None)
    if not callable(action):
        raise ValueError(f"The file has no function {name}(context)")
    return action


def _entry_points() -> list[str]:
    from importlib import metadata  # late: task processes never need it

    found: Iterable[Any] = metadata.entry_points()
    found = found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, ())  # type: ignore[attr-defined]
    return [entry.value for entry in found]


def _take(catalogue: Catalogue, location: str, answer: dict[str, Any]) -> None:
    if "manifest" not in answer:
        catalogue.broken.append(Broken(location, answer["error"], answer.get("traceback", "")))
        return
    manifest = Manifest.from_json(answer["manifest"])
    other = catalogue.plugins.setdefault(manifest.id, Plugin(manifest, location))
    if other.location != location:
        fault = f'The id "{manifest.id}" is that of {other.location}. Choose another id'
        catalogue.broken.append(Broken(location, fault))


def _read_apart(wanted: list[str], seconds: float) -> list[dict[str, Any]]:
    """Answers for the first ones, at least one; fewer than asked when a file ended the process."""
    env = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", "from webapp.plugins import discovery; discovery.main()"]
    try:
        ended = subprocess.run(
            command,
            input=json.dumps(wanted).encode(),
            env=env,
            timeout=seconds,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        said, fault = ended.stdout, f"The process ended with code {ended.returncode} while it read this file"
    except subprocess.TimeoutExpired as error:
        said, fault = error.stdout or b"", f"Reading this file took longer than {seconds:g} s"
    answers = [json.loads(line) for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return answers if len(answers) == len(wanted) else [*answers, {"error": fault}]


def main() -> None:
    """The child of `discover`: locations in, one JSON line for each out."""
    wanted = json.load(sys.stdin)
    # What a plugin prints while it is imported must not land between the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for location in wanted:
            print(json.dumps(_answer(location)), file=answers, flush=True)


def _answer(location: str) -> dict[str, Any]:
    try:
        loaded = load(location)
        _check(loaded)
        return {"manifest": loaded.manifest.to_json()}
    except BaseException as error:  # a plugin may call sys.exit
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def _check(loaded: Loaded) -> None:
    """What is looked at once, when the plugin is found, and not before each run."""
    for parameter in (*loaded.manifest.parameters, *loaded.manifest.settings):
        _check_default(parameter)
    for name, action in loaded.actions.items():
        try:
            inspect.signature(action).bind(None)
        except TypeError:
            raise ValueError(f"The function {name} must take one argument, the context") from None


def _check_default(parameter: Parameter) -> None:
    try:
        parameters.check(parameter, parameter.default)
    except ValueError as error:
        if parameter.default is not None:
            raise ValueError(f"The default of {parameter.name}: {error}") from None
