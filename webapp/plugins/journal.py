"""The file through which everything leaves a plugin's process: JSON lines in `events.jsonl`.

A line is one write, so what was said before a crash, a kill or a full disk is still there.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from workers.agent.mask import masked

EVENTS = "events.jsonl"
KINDS = ("progress", "object", "file", "result", "error")
LINE_LIMIT = 2**20


class Journal:
    """Writer. Every line holds `kind` and `ms`, milliseconds since the plugin started.

    `secrets` are in none of them, but for the names of files.
    """

    def __init__(self, task_dir: Path):
        self.secrets: Sequence[str] = ()
        self._start = time.monotonic()
        self._file = open(task_dir / EVENTS, "ab", buffering=0)  # noqa: SIM115
        self._lock = threading.Lock()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def write(self, kind: str, **fields: Any) -> None:
        """Raises ValueError or TypeError for what JSON cannot hold, or is longer than a line may be."""
        ms = int((time.monotonic() - self._start) * 1000)
        if self.secrets and kind != "file":
            fields = masked(fields, self.secrets)
        line = json.dumps({"kind": kind, "ms": ms, **fields}, allow_nan=False).encode() + b"\n"
        if len(line) > LINE_LIMIT:
            raise ValueError(f"An event may have {LINE_LIMIT} bytes; this {kind} has {len(line)}")
        with self._lock:
            self._write(line)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._file.write(line) or 0 :]


def read_events(task_dir: Path, offset: int = 0, limit: int = 1000) -> tuple[list[dict[str, Any]], int]:
    """Events from a byte offset on, and the offset to go on from; a line still being written waits.

    The task's own process could write anything here: what is no event comes back as
    {"kind": "unreadable", "text"}, and fields still need the checks of whoever stores them.
    """
    try:
        # A task could put a link to some other file in this place.
        descriptor = os.open(task_dir / EVENTS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return [], offset
        raise
    with open(descriptor, "rb") as file:
        file.seek(offset)
        events: list[dict[str, Any]] = []
        while len(events) < limit and (line := _whole_line(file)):
            events.append(_event(line))
            offset = file.tell()
    return events, offset


def _whole_line(file: BinaryIO) -> bytes:
    line = file.readline(LINE_LIMIT + 1)
    part = line
    while part and not part.endswith(b"\n"):
        part = file.readline(LINE_LIMIT + 1)
    return line if part else b""


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or event.get("kind") not in KINDS:
        return {"kind": "unreadable", "text": line[:200].decode("utf-8", "replace")}
    return event
