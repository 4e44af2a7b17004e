"""What a plugin bundle told besides its output: JSON lines in `events.jsonl` of the folder that it was given."""

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from .folder import TaskFolder
from .protocol import JOURNAL

_LONGEST_LINE = 1024 * 1024 + 1


class Journal(NamedTuple):
    result: Any
    error: Optional[dict[str, Any]]  # reason, text, traceback
    types: dict[str, str]  # of the files in out/, by name


def read(folder: TaskFolder) -> Journal:
    result, error, types = None, None, {}
    for event in _events(folder):
        if event.get("kind") == "result":
            result = event.get("data")
        elif event.get("kind") == "error":
            error = event
        elif event.get("kind") == "file":
            types[str(event.get("name"))] = str(event.get("type", ""))
    return Journal(result, error, types)


def path(folder: TaskFolder) -> str:
    return os.path.join(folder.scratch, JOURNAL)


def _events(folder: TaskFolder) -> Iterator[dict[str, Any]]:
    """What cannot be read is no event; the task's own process could have written anything."""
    try:
        file = folder.open_own(path(folder))
    except OSError:
        return
    with file:
        for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event
