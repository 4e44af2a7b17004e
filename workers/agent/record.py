"""The exit record: how one run ended, as its supervisor saw it, in a file that is whole or absent."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path

NEVER_STARTED, TIMEOUT, CANCELLED, LOST = -1, 259, 260, 261


@dataclass(frozen=True)
class ExitRecord:
    """`exit_code`: 0–255 of the child, 128+n when signal n ended it, or one of the four above.

    Times are milliseconds since the epoch; their difference comes from the monotonic clock.
    `reason` is null when the child ended by itself: then its exit code decides.
    """

    exit_code: int
    signal: int | None = None
    reason: str | None = None
    error: str | None = None
    traceback: str | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    sizes: dict[str, int] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    dropped_bytes: int = 0
    escaped: int = 0
    max_rss: int = 0

    @classmethod
    def from_dict(cls, values: dict) -> ExitRecord:
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def as_dict(self) -> dict:
        return dict(vars(self))


def lost(reason: str) -> ExitRecord:
    """Nobody saw the end: the outcome is unknown."""
    return ExitRecord(LOST, reason=reason, error="the process that ran the task died, its outcome is unknown")


def read(path: Path) -> ExitRecord | None:
    try:
        return ExitRecord.from_dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return None


class RecordFile:
    """Room for the record is taken before the run: a disk that a task has filled can still say so."""

    _ROOM = 4096

    def __init__(self, path: Path):
        self.path = path
        self._tmp = path.with_name(path.name + ".tmp")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(self._tmp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.write(self._fd, b" " * self._ROOM)

    def write(self, record: ExitRecord, durable: bool = True) -> None:
        text = json.dumps(record.as_dict()).encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))
        if durable:
            os.fsync(self._fd)
        os.close(self._fd)
        os.rename(self._tmp, self.path)
