"""Plugins in any language: a program with `<name>.plugin.json` beside it.

The program gets one JSON object on stdin. Each JSON line that it prints with a `kind` of the
journal is an event, checked like a Python plugin's; every other line is its output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable

from webapp.plugins.contract import REASONS, Context, Failed, Manifest
from webapp.plugins.journal import KINDS, LINE_LIMIT

SUFFIX = ".plugin.json"


def read_manifest(path: Path) -> tuple[Manifest, Path]:
    """The manifest and the program: the key `program`, else the file of the manifest's own name."""
    data = json.loads(path.read_text("utf-8"))
    if not isinstance(data, dict):
        raise ValueError("The manifest must be an object")
    program = path.parent / str(data.pop("program", path.name[: -len(SUFFIX)]))
    if program.resolve().parent != path.parent.resolve():
        raise ValueError(f"The program {program.name} must stand beside its manifest")
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise ValueError(f"There is no executable program {program.name} beside the manifest")
    return Manifest.from_json(data), program


def runner(program: Path) -> Callable[[Context], Any]:
    """The action that runs the program: returns the data of its `result` line."""

    def run(context: Context) -> Any:
        # A file, not a pipe: the program may print much before it reads its input.
        with tempfile.TemporaryFile(dir=context.task_dir) as call:
            call.write(json.dumps(_call(context)).encode())
            call.seek(0)
            process = subprocess.Popen([str(program)], stdin=call, stdout=subprocess.PIPE)
        result, code = _follow(process, context)
        if code:
            raise SystemExit(code if code > 0 else 128 - code)
        return result

    return run


def _call(context: Context) -> dict[str, Any]:
    names = ("plugin_id", "action", "inputs", "network", "args", "kwargs", "parameters", "settings")
    call = {name: getattr(context, name) for name in names}
    return call | {"file": str(context.file) if context.file else None, "out": str(context.out)}


def _follow(process: subprocess.Popen[bytes], context: Context) -> tuple[Any, int]:
    result, failure, output = None, None, process.stdout
    assert output
    try:
        for line in iter(lambda: output.readline(LINE_LIMIT), b""):
            event = _event(line)
            if not event:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            elif event["kind"] == "result":
                result = event.get("data")
            elif event["kind"] == "error":
                failure = failure or _failure(event)
            else:
                _take(event, context)
        code = process.wait()
    finally:
        process.kill()  # has no effect once it was waited for
        output.close()
    if failure:
        raise failure
    return result, code


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if event.get("kind") in KINDS else None


def _take(event: dict[str, Any], context: Context) -> None:
    try:
        if event["kind"] == "progress":
            context.progress(event.get("fraction", 0.0), event.get("text", ""))
        elif event["kind"] == "object":
            context.emit(event["type"], **event["fields"])
        else:
            context.keep(event["name"], event.get("type", ""))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise Failed(f"The program printed a line that cannot be used: {error} in {json.dumps(event)[:300]}") from None


def _failure(event: dict[str, Any]) -> Failed:
    reason = event.get("reason")
    text = str(event.get("text") or "The program reported an error")
    return Failed(text, reason if reason in REASONS else "plugin_error")
