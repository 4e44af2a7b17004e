"""Keep what a child prints: two byte files, and an index that says when each piece came.

The folder of a task holds `stdout`, `stderr` and `index`. The index is a sequence of 17-byte records,
little endian: uint32 milliseconds since the start, uint8 stream (1 stdout, 2 stderr), uint64 offset in
the byte file, uint32 length. Offsets of a stream follow one another without holes. The last record may
still grow, and after a crash the byte files may be longer than the index says.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import struct
import time
from pathlib import Path
from typing import Callable, NamedTuple

STDOUT, STDERR = 1, 2
NAMES = {STDOUT: "stdout", STDERR: "stderr"}
RECORD = struct.Struct("<IBQI")

CHUNK = 64 * 1024
_TURN = 16  # chunks of one stream before the other gets its turn
_SAME_MOMENT = 20  # ms: pieces of one stream closer than this share a record
_LONGEST_RECORD = 4 * 1024 * 1024  # so that a reader can go from any record to its bytes cheaply
_F_SETPIPE_SZ, _PIPE_SIZE = 1031, 1024 * 1024  # fcntl has the name from Python 3.10 on


class Totals(NamedTuple):
    sizes: dict[str, int]
    sha256: dict[str, str]
    dropped_bytes: int
    error: OSError | None  # why output could not be written, e.g. a full disk


class Capture:
    """The reading side of a child's two pipes. Hand `ends` to the child, then call `release()`.

    `watch` registers each pipe with a selector whose caller then calls `key.data()`; `readers` are the
    pipes that are still open. `mask(stream, data, last)` may replace what must not be kept, and may hold
    back a tail until the next call.
    """

    def __init__(
        self,
        folder: Path,
        max_output: int | None = None,
        mask: Callable[[int, bytes, bool], bytes] | None = None,
    ):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._start = time.monotonic()
        self._limit = self._left = max_output
        self._mask = mask
        self._streams = {number: _Stream(folder / name) for number, name in NAMES.items()}
        self._index = _Index(folder / "index")
        self._dropped = 0
        self._error: OSError | None = None
        self._selector: selectors.BaseSelector | None = None
        self.readers: dict[int, Callable[[], bool]] = {}
        self.ends: list[int] = []
        for number in (STDOUT, STDERR):
            self._open(number)

    def _open(self, number: int) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        _widen(ours)
        self.ends.append(theirs)
        self.readers[ours] = lambda: self._read(number, ours)

    def release(self) -> None:
        """The child has its copies: without ours, its end is the end of the pipe."""
        while self.ends:
            os.close(self.ends.pop())

    def watch(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        for fd, read in self.readers.items():
            selector.register(fd, selectors.EVENT_READ, read)

    def drain(self) -> None:
        """Take what is in the pipes now, without waiting for more, nor for somebody who never stops."""
        for read in list(self.readers.values()):
            for _ in range(_PIPE_SIZE // CHUNK):
                if not read():
                    break

    def close(self, durable: bool = True) -> Totals:
        """Whoever still holds the other ends writes into the void from now on."""
        self.release()
        for fd in list(self.readers):
            self._end(fd)
        if self._mask is not None:
            for number in (STDOUT, STDERR):
                self._keep(number, self._mask(number, b"", True))
        if self._dropped and not self._error:
            self._write(self._marked, f"[{self._dropped} bytes were dropped]\n".encode())
        for stream in self._streams.values():
            stream.close(durable)
        self._index.close(durable)
        return Totals(
            {NAMES[number]: stream.size for number, stream in self._streams.items()},
            {NAMES[number]: stream.hash.hexdigest() for number, stream in self._streams.items()},
            self._dropped,
            self._error,
        )

    def _read(self, number: int, fd: int) -> bool:
        """One turn of one stream; False when it had less to give than a turn holds."""
        for _ in range(_TURN):
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                return False
            if not data:
                self._end(fd)
                return False
            self._keep(number, data if self._mask is None else self._mask(number, data, False))
        return True

    def _end(self, fd: int) -> None:
        del self.readers[fd]
        if self._selector is not None:
            self._selector.unregister(fd)
        os.close(fd)

    def _keep(self, number: int, data: bytes) -> None:
        if self._left is None:
            self._write(number, data)
            return
        kept = data[: self._left]
        self._left -= len(kept)
        if kept:
            self._write(number, kept)
        if len(kept) < len(data):
            if not self._dropped:
                self._marked = number
                self._write(number, f"\n[output limit of {self._limit} bytes reached, the rest is not kept]\n".encode())
            self._dropped += len(data) - len(kept)

    def _write(self, number: int, data: bytes) -> None:
        if self._error:
            self._dropped += len(data)
        if self._error or not data:
            return
        stream = self._streams[number]
        offset = stream.size
        try:
            stream.append(data)
            self._index.add(int((time.monotonic() - self._start) * 1000), number, offset, len(data))
        except OSError as error:  # the child goes on; what it did is worth more than what it said
            self._error = error
            self._dropped += offset + len(data) - stream.size


class _Stream:
    def __init__(self, path: Path):
        self.fd = _create(path)
        self.size = 0
        self.hash = hashlib.sha256()

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self.fd, view)
            self.hash.update(view[:written])
            self.size += written
            view = view[written:]

    def close(self, durable: bool) -> None:
        _close(self.fd, durable and self.size > 0)


class _Index:
    def __init__(self, path: Path):
        self.fd = _create(path)
        self.position = -RECORD.size
        self.last = (0, 0, 0, 0)

    def add(self, ms: int, number: int, offset: int, length: int) -> None:
        ms = min(ms, 0xFFFFFFFF)
        began, stream, first, so_far = self.last
        if stream == number and ms - began < _SAME_MOMENT and so_far + length <= _LONGEST_RECORD:
            self.last = (began, stream, first, so_far + length)
        else:
            self.last = (ms, number, offset, length)
            self.position += RECORD.size
        os.pwrite(self.fd, RECORD.pack(*self.last), self.position)

    def close(self, durable: bool) -> None:
        _close(self.fd, durable and self.position >= 0)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


def _close(fd: int, durable: bool) -> None:
    try:
        if durable:
            os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)
    except OSError:
        pass  # a disk that cannot sync has already refused the write, or the record will say so
    finally:
        os.close(fd)


def _widen(fd: int) -> None:
    """A roomy pipe lets the child run on while we write; a busy host may refuse, which costs only speed."""
    try:
        import fcntl

        fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_SIZE)
    except (OSError, ImportError):
        pass
