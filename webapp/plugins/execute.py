"""Runs one plugin in a process that was made for it.

`run_plugin` is called in a forked child whose stdout and stderr are the task's; what else it tells
goes into the journal. As a program, `python -m webapp.plugins.execute FOLDER < call.json`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import pkgutil
import socket
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from webapp.objects.values import FieldErrors
from webapp.plugins import builtin, discovery, inputs, parameters
from webapp.plugins.contract import Context, Failed, Manifest
from webapp.plugins.journal import Journal

TEXT_LIMIT = 4_000
TRACEBACK_LIMIT = 64_000
# What shipped plugins import when they run.
HEAVY = ("asyncio", "http.client", "ssl", "cryptography.x509", "dns.resolver", "dns.reversename")


def run_plugin(call: dict[str, Any], task_dir: Path) -> int:
    """The exit code. `call` is a task's data with `location` (else `plugin_id` and `folder` find
    it), the organisation's `settings`, and the path `file` when it runs on one. Never raises."""
    _write_lines_at_once()
    try:
        journal = Journal(task_dir)
    except OSError as error:
        print(f"The folder of the task cannot be used: {error}", file=sys.stderr)
        return 1
    with journal:
        code = _run(call, task_dir, journal)
    _flush()
    return code


def preload() -> list[str]:
    """Names of modules that the parent of task processes imports once, so that no task has to."""
    shipped = [f"{builtin.__name__}.{module.name}" for module in pkgutil.iter_modules(builtin.__path__)]
    return [__name__, *shipped, *HEAVY]


def _run(call: dict[str, Any], task_dir: Path, journal: Journal) -> int:
    # Given back when memory runs out, so that there is some to say so with. Of the address space, which is what is
    # limited; unlike a bytearray's, its pages are never touched.
    reserve = [bytes(2**20)]
    try:
        loaded = _load(call)
        journal.secrets = parameters.secret_values(loaded.manifest, call.get("settings") or {}, call)
        context = _context(loaded.manifest, call, task_dir, journal)
        _write_result(loaded.actions[context.action](context), journal)
        return 0
    except SystemExit as error:
        return _exit_code(error.code)
    except BaseException as error:
        reserve.clear()
        return _report(error, journal)


def _load(call: dict[str, Any]) -> discovery.Loaded:
    try:
        return discovery.load(call.get("location") or _locate(call))
    except SystemExit:
        raise Failed("The plugin's file ends the program while it is imported") from None


def _locate(call: dict[str, Any]) -> str:
    try:
        return discovery.locate(str(call.get("plugin_id")), Path(call["folder"]) if call.get("folder") else None)
    except LookupError as error:
        raise Failed(str(error)) from None


def _context(manifest: Manifest, call: dict[str, Any], task_dir: Path, journal: Journal) -> Context:
    """Checked here too: the plugin may have changed since the task was made."""
    action = call.get("action") or "run"
    if action not in manifest.actions:
        raise Failed(f"{manifest.id} has no action {action}", "invalid_input")
    try:
        read = inputs.read_inputs(manifest, call.get("input_data"))
        networks = {each.network for each in read}
        if len(networks) > 1:
            raise Failed("The inputs of one task must be of one network", "invalid_input")
        prepared = {
            "action": action,
            "args": call.get("args") or [],
            "kwargs": call.get("kwargs") or {},
            "file": call.get("file"),
            "inputs": [each.value for each in read],
            "parameters": parameters.parameter_values(manifest, call),
            "settings": _settings(manifest, call.get("settings") or {}),
        }
    except FieldErrors as error:
        raise Failed(str(error), "invalid_input") from None
    if networks:
        prepared["network"] = networks.pop()
    if len(read) == 1 and read[0].type:
        prepared["source"] = {"type": read[0].type, "key": read[0].key}
    return Context(manifest, prepared, task_dir, journal)


def _write_result(result: Any, journal: Journal) -> None:
    try:
        journal.write("result", data=result)
    except (TypeError, ValueError) as error:
        raise Failed(f"What the plugin returned cannot be kept: {error}") from None


def _settings(manifest: Manifest, given: dict[str, Any]) -> dict[str, Any]:
    """Without those that were saved for an older version of the plugin."""
    names = {parameter.name for parameter in manifest.settings}
    kept = {name: value for name, value in given.items() if name in names}
    return parameters.clean(manifest.settings, kept, "settings")


def _report(error: BaseException, journal: Journal) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, Failed):
        event = {"reason": error.reason, "text": str(error)[:TEXT_LIMIT]}
        print(error, file=sys.stderr)
    else:
        text = "".join(traceback.format_exception(type(error), error, _inner(error.__traceback__)))[-TRACEBACK_LIMIT:]
        event = {"reason": _reason(error), "text": _text(error), "traceback": text}
        print(text, file=sys.stderr, end="")
    # A full disk refuses this line too; the exit code is still there.
    with contextlib.suppress(OSError):
        journal.write("error", **event)
    return 1


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "memory_limit"
    if isinstance(error, PermissionError):
        return "permission_denied"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EFBIG):
        return "resource_limit"
    network = (ConnectionError, TimeoutError, socket.timeout, socket.gaierror)
    unreachable = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
    if isinstance(error, network) or (isinstance(error, OSError) and error.errno in unreachable):
        return "network_error"
    return "plugin_error"


def _text(error: BaseException) -> str:
    said = str(error)
    return (f"{type(error).__name__}: {said}" if said else type(error).__name__)[:TEXT_LIMIT]


def _inner(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is the plugin's own."""
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _exit_code(code: Any) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def _write_lines_at_once() -> None:
    """So that output is live, and nothing is held back when the process is killed.

    New objects over the same descriptors: the inherited ones may believe that they write to a file that can be
    sought, because that is what they were opened on in the parent.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        with contextlib.suppress(OSError, ValueError):
            getattr(sys, name).flush()
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def main(location: str | None = None) -> int:
    """The call is read from stdin, the task's folder is the one argument."""
    call = json.load(sys.stdin)
    return run_plugin({**call, "location": location} if location else call, Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
