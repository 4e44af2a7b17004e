"""What tasks print: one folder per task, with the byte files `stdout` and `stderr` and the `index`.

`workers/agent/capture.py` writes such a folder and describes the index; agents send all three files as
they are. Nothing here knows the database: the folder alone is the truth about what has arrived.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.tasks.log.output_lines import Found, Line, Window, find, line_offset, window
from webapp.tasks.log.output_marks import forget
from webapp.tasks.log.output_view import NUMBERS, RECORD, Index, open_view

__all__ = [
    "FILES", "Conflict", "Found", "Gap", "Line", "Window", "append", "chunks", "digest", "ends", "find", "folder",
    "line_offset", "read", "remove", "settle", "sizes", "tail", "window",
]  # fmt: skip

FILES = ("stdout", "stderr", "index")
CHUNK = 256 * 1024
_LONGEST = 2**31  # bytes that a record may cover


class Gap(Exception):
    """The bytes begin beyond what we have; `size` is where they have to begin."""

    def __init__(self, size: int):
        super().__init__(f"there are only {size} bytes so far")
        self.size = size


class Conflict(Exception):
    """Other bytes are already there; `size` is how many there are."""

    def __init__(self, size: int):
        super().__init__("these bytes differ from those that have already arrived")
        self.size = size


def folder(data: Path, uuid: str) -> Path:
    return data / "output" / uuid[:2] / uuid


def append(
    folder: Path, name: str, offset: int, data: bytes, at_ms: int | None = None, recorded: int | None = None
) -> int:
    """Store bytes at their offset, on disk when this returns; returns the new size.

    Repeated bytes are ignored when they are the same, else Conflict; bytes from beyond the end are a Gap.
    With `recorded` a longer file is cut to that size first: what a crash left behind was never confirmed.
    `at_ms`, the time since the start, writes the index too, for a sender that has none of its own.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder), _opened(folder / name) as fd:
        size = os.fstat(fd).st_size
        if recorded is not None and size > recorded:
            os.ftruncate(fd, recorded)
            forget(folder)
            size = recorded
        if offset > size:
            raise Gap(size)
        repeated = min(size - offset, len(data))
        if os.pread(fd, repeated, offset) != data[:repeated]:
            raise Conflict(size)
        _write(fd, data[repeated:], size)
        size = max(size, offset + len(data))
        if at_ms is not None:
            _cover(folder, name, size, at_ms)
    return size


def settle(folder: Path) -> None:
    """Once, when the task has ended: what the index does not know of comes last."""
    if folder.is_dir():
        with _locked(folder):
            for name in NUMBERS:
                _cover(folder, name, _size(folder / name), None)


def sizes(folder: Path) -> dict[str, int]:
    return {name: _size(folder / name) for name in FILES}


def read(folder: Path, stream: str, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes [start, stop) of `stdout`, `stderr` or `both`, in which pieces stand in the order they came."""
    with open_view(folder, stream) as view:
        return view.read(start, view.size if stop is None else stop)


def chunks(folder: Path, stream: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The same in pieces, for a download. What is written meanwhile is not part of it."""
    with open_view(folder, stream) as view:
        stop = view.size if stop is None else min(stop, view.size)
        for position in range(start, stop, CHUNK):
            yield view.read(position, min(position + CHUNK, stop))


def tail(folder: Path, stream: str = "both", max_lines: int = 20, max_bytes: int = 8192) -> str:
    """The last lines as text."""
    last = window(folder, stream, limit_lines=max_lines, limit_bytes=max_bytes)
    return "\n".join(line.text for line in last.lines)


def ends(folder: Path, head: int, tail: int) -> tuple[bytes, bytes]:
    """The first bytes of what it printed, and the last ones of both streams: what a search finds it by."""
    size = _size(folder / "stdout")
    first = read(folder, "stdout", 0, min(size, head)) if size else b""
    last = read(folder, "stdout", max(head, size - tail), size) if size > head else b""
    wrong = _size(folder / "stderr")
    return first, last + b"\n" + (read(folder, "stderr", max(0, wrong - tail), wrong) if wrong else b"")


def digest(folder: Path, name: str, size: int | None = None) -> str:
    """SHA-256 of a file, or of its first `size` bytes."""
    seen = hashlib.sha256()
    for data in chunks(folder, name, 0, size):
        seen.update(data)
    return seen.hexdigest()


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write(fd: int, data: bytes, size: int) -> None:
    """All or nothing: a full disk must not leave half a piece that its sender believes missing."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.pwrite(fd, rest, size + len(data) - len(rest)) :]
        if data:
            os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, size)
        raise


def _cover(folder: Path, name: str, size: int, at_ms: int | None) -> None:
    """Let the index reach to the end of a stream; without a time, at the time of its last record."""
    with _opened(folder / "index") as fd:
        index = Index(folder, fd)
        number = NUMBERS[name]
        at_ms = index.last_ms() if at_ms is None else min(at_ms, 0xFFFFFFFF)
        starts = range(index.covered()[number - 1], size, _LONGEST)
        records = [RECORD.pack(at_ms, number, start, min(size - start, _LONGEST)) for start in starts]
        # At a record's place: a torn one at the end is overwritten.
        os.pwrite(fd, b"".join(records), index.count * RECORD.size)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two copies of one request may arrive at two processes at once."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
