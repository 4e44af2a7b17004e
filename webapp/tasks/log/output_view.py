"""One stream of a task's output, or both in the order in which they came, as if it were one file.

A place in `both` is the number of bytes, of either stream, that came before it. The index is never read
as a whole twice: marks tell what its first 1,024, 2,048, … records cover, so a window of a huge output
opens anywhere in milliseconds. An index may come from an agent, which may lie: the sizes of the byte
files bound everything here.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from webapp.tasks.log.output_marks import Mark, Marks

# As workers/agent/capture.py has it: milliseconds since the start, stream, offset, length.
RECORD = struct.Struct("<IBQI")
NUMBERS = {"stdout": 1, "stderr": 2}
NAMES = {number: name for name, number in NUMBERS.items()}

_BLOCK = 1024  # records between two marks


class Piece(NamedTuple):
    place: int  # in the view
    stream: str
    offset: int  # in the stream
    length: int
    ms: int


class Index:
    def __init__(self, folder: Path, fd: int | None):
        self.fd = fd
        self.count = 0 if fd is None else os.fstat(fd).st_size // RECORD.size
        self._marks = Marks(folder, "index", len(NUMBERS))
        self._block = lru_cache(maxsize=8)(self._read_block)

    def covered(self) -> Mark:
        """How many bytes of each stream all records tell of."""
        marks = self.marks()
        ends = list(marks[-1])
        for number in range(len(marks) - 1, -(-self.count // _BLOCK)):
            _add(ends, self._block(number))
        return tuple(ends)

    def last_ms(self) -> int:
        return self._block((self.count - 1) // _BLOCK)[-1][0] if self.count else 0

    def marks(self) -> list[Mark]:
        """What the records before each block cover. The last record may still grow, so its block has no end yet."""
        values = self._marks.values
        for number in range(len(values), max(self.count - 1, 0) // _BLOCK):
            ends = list(values[-1]) if values else [0] * len(NUMBERS)
            _add(ends, self._block(number))
            values.append(tuple(ends))
        self._marks.save()
        return [(0,) * len(NUMBERS), *values]

    def pieces(self, streams: tuple[int, ...], start: int, stop: int) -> Iterator[Piece]:
        """Those of some streams that touch [start, stop), in a view where only these streams count."""
        marks = self.marks()
        first = bisect_right(marks, start, key=lambda ends: sum(ends[stream - 1] for stream in streams)) - 1
        ends = dict(zip(NAMES, marks[first], strict=True))
        place = sum(ends[stream] for stream in streams)
        for number in range(first, -(-self.count // _BLOCK)):
            for ms, stream, _, length in self._block(number):
                if stream not in streams:
                    continue
                if place >= stop:
                    return
                if place + length > start:
                    yield Piece(place, NAMES[stream], ends[stream], length, ms)
                ends[stream] += length
                place += length

    def place_since(self, streams: tuple[int, ...], ms: int) -> int | None:
        """Where, in a view of these streams, that begins which came at `ms` or later; None when nothing did."""
        blocks = range(-(-self.count // _BLOCK))
        first = bisect_left(blocks, ms, key=lambda number: self._block(number)[-1][0])
        if first == len(blocks):
            return None
        place = sum(self.marks()[first][stream - 1] for stream in streams)
        for at, stream, _, length in self._block(first):
            if at >= ms:
                break
            place += length if stream in streams else 0
        return place

    def _read_block(self, number: int) -> list[tuple[int, int, int, int]]:
        size = RECORD.size * min(_BLOCK, self.count - number * _BLOCK)
        data = os.pread(self.fd, size, number * _BLOCK * RECORD.size) if self.fd is not None else b""
        return list(RECORD.iter_unpack(data))


def _add(ends: list[int], records: list[tuple[int, int, int, int]]) -> None:
    for _, stream, _, length in records:
        if stream in NAMES:
            ends[stream - 1] += length


class One:
    """A single stream; its places are those of its byte file."""

    def __init__(self, fd: int | None, stream: int, index: Index):
        self.fd, self.stream, self.name, self.index = fd, stream, NAMES[stream], index
        self.size = 0 if fd is None else os.fstat(fd).st_size

    def read(self, start: int, stop: int) -> bytes:
        start, stop = max(start, 0), min(stop, self.size)
        return os.pread(self.fd, stop - start, start) if self.fd is not None and start < stop else b""

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        return self.index.pieces((self.stream,), start, stop)

    def place_since(self, ms: int) -> int:
        place = self.index.place_since((self.stream,), ms)
        return self.size if place is None else min(place, self.size)


class Both:
    name = "stdout"  # of bytes that no record tells of

    def __init__(self, ones: list[One], index: Index):
        self.ones = {NAMES[one.stream]: one for one in ones}
        self.index = index
        self.size = sum(min(end, one.size) for end, one in zip(index.covered(), ones, strict=True))

    def read(self, start: int, stop: int) -> bytes:
        """One read of each file, for what a window takes of it is in one place; then cut and put in order."""
        start, stop = max(start, 0), min(stop, self.size)
        parts: list[tuple[str, int, int]] = []
        spans: dict[str, tuple[int, int]] = {}
        for place, stream, offset, length, _ in self.pieces(start, stop):
            first, last = offset + max(start - place, 0), offset + min(length, stop - place)
            parts.append((stream, first, last))
            spans[stream] = (spans[stream][0] if stream in spans else first, last)
        data = {stream: self.ones[stream].read(*span) for stream, span in spans.items()}
        return b"".join(
            [data[stream][first - spans[stream][0] : last - spans[stream][0]] for stream, first, last in parts]
        )

    def pieces(self, start: int, stop: int) -> Iterator[Piece]:
        return self.index.pieces(tuple(NAMES), start, stop)

    def place_since(self, ms: int) -> int:
        place = self.index.place_since(tuple(NAMES), ms)
        return self.size if place is None else min(place, self.size)


View = One | Both


@contextmanager
def open_view(folder: Path, stream: str) -> Iterator[View]:
    """`stdout`, `stderr` or `both`. Nothing printed yet is an empty view."""
    with ExitStack() as at_end:
        index = Index(folder, _open(folder / "index", at_end))
        if stream in NUMBERS:
            yield One(_open(folder / stream, at_end), NUMBERS[stream], index)
        elif stream == "both":
            yield Both([One(_open(folder / name, at_end), number, index) for name, number in NUMBERS.items()], index)
        else:
            raise ValueError(f"there is no stream {stream!r}")


def _open(path: Path, at_end: ExitStack) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    at_end.callback(os.close, fd)
    return fd
