"""Output as lines: windows of it that open anywhere at once, line numbers, and finding a text.

A line ends at a newline. Where a whole mebibyte (counted from the start of the output) holds none, it
ends there too, so that no line, whatever a task prints, needs more than two of them to be read.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from webapp.tasks.log.output_marks import Marks
from webapp.tasks.log.output_view import View, open_view

LONGEST_SHOWN = 16 * 1024  # bytes of a line
_BREAK = 1024 * 1024
_STEP = 4 * 1024
_STRIDE = 64 * 1024
PATIENCE = 0.02  # seconds that a reader spends on counting lines

Span = tuple[int, int]


class Line(NamedTuple):
    number: int | None  # None while the lines before it have not been counted
    offset: int  # where it begins: its name in a link
    end: int  # where the next one begins
    text: str
    hidden: int  # bytes that are not shown, since the line is so long
    stream: str
    ms: int | None  # since the start of the task
    open: bool  # the output ends in it


class Window(NamedTuple):
    lines: list[Line]
    start: int
    end: int  # go on from here; an open last line is then shown again
    size: int

    @property
    def at_start(self) -> bool:
        return self.start == 0

    @property
    def at_end(self) -> bool:
        return not self.lines or self.lines[-1].end == self.size


class Found(NamedTuple):
    lines: list[Line]
    next: int | None  # where to go on; None when there is nothing more


def window(
    folder: Path,
    stream: str = "both",
    from_offset: int | None = None,
    before_offset: int | None = None,
    limit_lines: int = 200,
    limit_bytes: int = 128 * 1024,
    patience: float = PATIENCE,
) -> Window:
    """Lines from an offset on, or those before one; without either the last ones."""
    with open_view(folder, stream) as view:
        if from_offset is not None:
            start = line_start(view, min(max(from_offset, 0), view.size))
            spans = _spans_from(view, start, limit_lines, limit_bytes)
        else:
            end = view.size if before_offset is None else min(max(before_offset, 0), view.size)
            spans = _spans_before(view, end, limit_lines, limit_bytes)
            start = spans[0][0] if spans else end
        lines = list(_lines(view, spans, LineCount(folder, stream, view, patience)))
        end = spans[-1][1] if spans else start
        return Window(lines, start, lines[-1].offset if lines and lines[-1].open else end, view.size)


def line_offset(folder: Path, stream: str, number: int) -> int | None:
    """Where a line begins, by its number (from 1); None when there are not so many."""
    with open_view(folder, stream) as view:
        return LineCount(folder, stream, view).offset(number)


def find(
    folder: Path,
    stream: str,
    text: str,
    from_offset: int | None = None,
    backwards: bool = False,
    limit: int = 100,
    seconds: float = 0.5,
) -> Found:
    """The lines that hold a text (the case of ASCII letters does not matter), in the order they are met.

    After `seconds` it stops where it is, and `next` says where to go on.
    """
    end = time.monotonic() + seconds
    needle = text.encode(errors="surrogateescape").lower()
    with open_view(folder, stream) as view:
        if not needle:
            return Found([], None)
        if backwards:
            start = view.size if from_offset is None else min(from_offset, view.size)
            spans, rest = _matches_before(view, needle, start, limit, end)
        else:
            spans, rest = _matches_from(view, needle, from_offset or 0, limit, end)
        count = LineCount(folder, stream, view)
        return Found([line for span in spans for line in _lines(view, [span], count)], rest)


def line_start(view: View, place: int) -> int:
    """Where the line begins that a place is in."""
    block = place - place % _BREAK
    newline = _newline_before(view, block, place)
    if newline is None and block > 0:
        newline = _newline_before(view, block - _BREAK, block)
        return block if newline is None else newline + 1
    return 0 if newline is None else newline + 1


def line_end(view: View, start: int) -> int:
    """Where the line ends that begins at `start`."""
    border = start - start % _BREAK + _BREAK
    newline = _newline_from(view, start, border)
    if newline is None and start % _BREAK:
        border += _BREAK
        newline = _newline_from(view, border - _BREAK, border)
    return min(border if newline is None else newline + 1, view.size)


def _newline_before(view: View, first: int, place: int) -> int | None:
    """The last one in [first, place); looked for in growing steps, for it is mostly near."""
    step = _STEP
    while place > first:
        low = max(place - step, first)
        at = view.read(low, place).rfind(b"\n")
        if at >= 0:
            return low + at
        place, step = low, step * 8
    return None


def _newline_from(view: View, place: int, last: int) -> int | None:
    step, last = _STEP, min(last, view.size)
    while place < last:
        high = min(place + step, last)
        at = view.read(place, high).find(b"\n")
        if at >= 0:
            return place + at
        place, step = high, step * 8
    return None


def _spans_from(view: View, start: int, limit_lines: int, limit_bytes: int) -> list[Span]:
    spans: list[Span] = []
    data, place = view.read(start, start + min(limit_bytes, _BREAK // 2)), start
    while len(spans) < limit_lines and place < view.size:
        newline = data.find(b"\n", place - start)
        if newline >= 0:
            end = start + newline + 1
        elif spans and start + len(data) < view.size:
            break  # the last line of the window is not whole in it
        else:
            end = line_end(view, place)
        spans.append((place, end))
        place = end
    return spans


def _spans_before(view: View, end: int, limit_lines: int, limit_bytes: int) -> list[Span]:
    spans: list[Span] = []
    first = max(end - min(limit_bytes, _BREAK // 2), 0)
    data, place = view.read(first, end), end
    while len(spans) < limit_lines and place > 0:
        newline = data.rfind(b"\n", 0, max(place - first - 1, 0))
        if newline >= 0:
            start = first + newline + 1
        elif spans and first > 0:
            break
        else:
            start = line_start(view, place - 1)
        spans.append((start, place))
        place = start
    return spans[::-1]


def _matches_from(view: View, needle: bytes, place: int, limit: int, end: float) -> tuple[list[Span], int | None]:
    spans: list[Span] = []
    while place < view.size:
        data, at = view.read(place, place + _BREAK).lower(), 0
        while (at := data.find(needle, at)) >= 0:
            start = line_start(view, place + at)
            spans.append((start, line_end(view, start)))
            if len(spans) == limit:
                return spans, spans[-1][1]
            at = max(spans[-1][1] - place, at + 1)
        rest = place + len(data)
        if rest >= view.size:
            break
        # A match may lie across the border, but not in a line that is already found.
        place = max(rest - len(needle) + 1, place + 1, spans[-1][1] if spans else 0)
        if time.monotonic() > end:
            return spans, place
    return spans, None


def _matches_before(view: View, needle: bytes, place: int, limit: int, end: float) -> tuple[list[Span], int | None]:
    spans: list[Span] = []
    while place > 0:
        first = max(place - _BREAK, 0)
        data, at = view.read(first, place).lower(), place - first
        while (at := data.rfind(needle, 0, max(at, 0))) >= 0:
            start = line_start(view, first + at)
            spans.append((start, line_end(view, start)))
            if len(spans) == limit:
                return spans, start
            at = start - first
        if first == 0:
            break
        place = min(first + len(needle) - 1, place - 1, spans[-1][0] if spans else place)
        if time.monotonic() > end:
            return spans, place
    return spans, None


def _lines(view: View, spans: list[Span], count: LineCount) -> Iterator[Line]:
    if not spans:
        return
    first, last = spans[0][0], spans[-1][1]
    data, before = view.read(first, last), count.before(first)
    pieces = view.pieces(first, last)
    piece, coming = None, next(pieces, None)
    for start, end in spans:
        while coming is not None and coming.place <= start:
            piece, coming = coming, next(pieces, None)
        raw = data[start - first : end - first]
        text, hidden = shown(raw)
        stream = piece.stream if piece else view.name
        number = None if before is None else before + 1
        ended = raw.endswith(b"\n")
        yield Line(
            number, start, end, text, hidden, stream, piece.ms if piece else None, end == view.size and not ended
        )
        if before is not None and ended:
            before += 1


def shown(raw: bytes) -> tuple[str, int]:
    """The text of a line, and how many bytes of it are hidden. Of a progress display only the last state."""
    raw = raw.rstrip(b"\r\n")
    if not raw.removeprefix(b"\x1b[0K").startswith((b"section_start:", b"section_end:")):  # whose title is behind it
        raw = raw.rpartition(b"\r")[2]
    if len(raw) <= LONGEST_SHOWN:
        return raw.decode(errors="replace"), 0
    return raw[:LONGEST_SHOWN].decode(errors="ignore"), len(raw) - LONGEST_SHOWN


class LineCount:
    """The newlines before each stride of a view."""

    def __init__(self, folder: Path, stream: str, view: View, patience: float = PATIENCE):
        self.view, self.patience = view, patience
        self._marks = Marks(folder, f"lines.{stream}", 1)

    def before(self, place: int) -> int | None:
        """How many newlines stand before a place; None when that is not counted yet."""
        stride = place // _STRIDE
        if not self.extend(stride, self.patience):
            return None
        return self._count(stride) + self.view.read(stride * _STRIDE, place).count(b"\n")

    def offset(self, number: int) -> int | None:
        """Where a line begins; None when there is no such line."""
        self.extend(self.view.size // _STRIDE, float("inf"))
        stride = bisect_left(self._marks.values, (number - 1,))
        data, place = self.view.read(stride * _STRIDE, (stride + 1) * _STRIDE), -1
        for _ in range(number - 1 - self._count(stride)):
            place = data.find(b"\n", place + 1)
            if place < 0:
                return None
        start = stride * _STRIDE + place + 1
        return start if number > 0 and start < self.view.size else None

    def extend(self, strides: int, seconds: float) -> bool:
        """Count on, so far as there is time; whether so many strides are counted."""
        if not strides:
            return True
        counts, end = self._marks.values, time.monotonic() + seconds
        while len(counts) < strides and time.monotonic() < end:
            place = len(counts) * _STRIDE
            fresh = self.view.read(place, place + _STRIDE).count(b"\n")
            counts.append((self._count(len(counts)) + fresh,))
        self._marks.save()
        return len(counts) >= strides

    def _count(self, stride: int) -> int:
        return self._marks.values[stride - 1][0] if stride else 0
