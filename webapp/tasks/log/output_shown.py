"""Lines of output as a page shows them: coloured, numbered, timed, in groups that fold.

A page never has more than windows of it. What comes next is named by a cursor: where to go on, and how far the
output reached when it was made, so that an unfinished last line is only sent again when it has grown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from markupsafe import Markup

from webapp.tasks.log import ansi, output
from webapp.tasks.log.ansi import Screen
from webapp.tasks.log.output_lines import Line, Window

LINES = 500  # of a window, and of a chunk
BYTES = 256 * 1024
MOST_AT_ONCE = 10 * LINES  # that a reader who follows is sent; beyond, the newest
LOOK_BACK = 100  # lines before a window that say which colour and which group it begins in
PATIENCE = 0.25  # seconds for counting lines: some 150 MB when nobody has counted yet


@dataclass(frozen=True)
class Row:
    number: int | None  # unknown yet, or a further piece of one long line
    offset: int
    html: Markup
    stream: str
    at: datetime | None
    since: float | None  # seconds since the start
    kind: str = ""  # error | warning | notice
    open: bool = False  # the output ends in it
    hidden: int = 0  # bytes

    @property
    def id(self) -> str:
        return f"B{self.offset}" if self.number is None else f"L{self.number}"

    @property
    def utc(self) -> str:
        return f"{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03}" if self.at else ""

    @property
    def rel(self) -> str:
        seconds = self.since or 0.0
        return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{seconds % 60:06.3f}"


@dataclass
class Group:
    """Lines under a title. `open`: its end has not come yet."""

    head: Row
    folded: bool
    rows: list[Row] = field(default_factory=list)
    open: bool = True
    seconds: float | None = None

    @property
    def offset(self) -> int:
        return self.head.offset

    @property
    def unfolded(self) -> bool:
        return self.open or not self.folded


Item: TypeAlias = Row | Group


class Chunk(NamedTuple):
    """At most `LINES` of them, but for a group that is longer. `into`: how many belong to the group before it."""

    start: int
    items: list[Item]
    into: int


@dataclass(frozen=True)
class Shown:
    chunks: list[Chunk]
    start: int
    end: int
    size: int
    whole_end: bool  # nothing comes after it, for now
    left_out: int | None = None  # where the bytes begin that a reader who follows was not sent
    closes: bool = False  # the group that was open before it ends in it

    @property
    def at_start(self) -> bool:
        return self.start == 0

    @property
    def complete(self) -> bool:
        return self.at_start and self.whole_end

    @property
    def cursor(self) -> str:
        return f"{self.end}.{self.size}"

    @property
    def errors(self) -> int:
        return sum(row.kind == "error" for chunk in self.chunks for item in chunk.items for row in _rows(item))


class Viewer:
    """One stream of one task's output."""

    def __init__(self, folder: Path, stream: str, started: datetime | None):
        self.folder, self.stream, self.started = folder, stream, started

    def last(self, lines: int = LINES) -> Shown:
        return self._shown(self._window(limit_lines=lines, patience=PATIENCE))

    def before(self, offset: int) -> Shown:
        return self._shown(self._window(before_offset=offset))

    def onward(self, offset: int) -> Shown:
        return self._shown(self._window(from_offset=offset, patience=PATIENCE))

    def around(self, offset: int) -> Shown:
        """From a little before a place on, for links to lines."""
        return self.onward(self._window(before_offset=offset, limit_lines=LINES // 4, limit_bytes=BYTES // 4).start)

    def since(self, cursor: str) -> Shown | None:
        """What a reader who has seen up to the cursor gets; None when there is nothing new."""
        offset, seen = read_cursor(cursor)
        window = self._window(from_offset=offset, limit_lines=MOST_AT_ONCE, limit_bytes=2 * BYTES)
        if window.size == seen or not window.lines:
            return None
        return self._shown(window) if window.at_end else self._shown(self._window(), left_out=offset)

    def line(self, number: int) -> int | None:
        return output.line_offset(self.folder, self.stream, number)

    def rows(self, lines: Sequence[Line]) -> list[Row]:
        """Lines from anywhere, each on its own: of a search."""
        return [self._row(line, Screen().line(line.text)) for line in lines]

    def _window(self, *, limit_lines: int = LINES, limit_bytes: int = BYTES, **place: float | None) -> Window:
        return output.window(self.folder, self.stream, limit_lines=limit_lines, limit_bytes=limit_bytes, **place)  # type: ignore[arg-type]

    def _shown(self, window: Window, left_out: int | None = None) -> Shown:
        screens: dict[str, Screen] = defaultdict(Screen)
        going_on = self._look_back(window.start, screens)
        items, into, closes = self._items(window.lines, screens, going_on)
        chunks = list(_chunks(items, window.start, into))
        return Shown(chunks, window.start, window.end, window.size, window.at_end, left_out, closes)

    def _look_back(self, start: int, screens: dict[str, Screen]) -> bool:
        """Take over the colours of the lines before; whether a group of theirs is still open."""
        going_on = False
        if start == 0:
            return going_on
        for line in self._window(before_offset=start, limit_lines=LOOK_BACK, limit_bytes=BYTES // 8).lines:
            mark = ansi.marker(line.text)
            if mark and mark.kind in ("begin", "end"):
                going_on = mark.kind == "begin"
            elif "\x1b" in line.text:
                screens[line.stream].line(line.text)
        return going_on

    def _items(self, lines: Sequence[Line], screens: dict[str, Screen], going_on: bool) -> tuple[list[Item], int, bool]:
        """Rows and groups; how many of the first belong to a group before them, and whether that group ends here."""
        items: list[Item] = []
        group: Group | None = None
        into, closes, before = 0, False, None
        for line in lines:
            piece, before = line.number == before, line.number
            mark = ansi.marker(line.text)
            if mark and mark.kind in ("begin", "end"):
                _end(group, line)
                closes, going_on, group = closes or going_on, False, None
                if mark.kind == "begin":
                    group = Group(self._row(line, Screen().line(mark.title or "Group")), mark.folded)
                    items.append(group)
                continue
            html = screens[line.stream].line(mark.title if mark else line.text)
            kind = mark.kind if mark else "error" if ansi.alarming(line.text) else ""
            (items if group is None else group.rows).append(self._row(line, html, kind, piece))
            into += going_on
        return items, into, closes

    def _row(self, line: Line, html: Markup, kind: str = "", piece: bool = False) -> Row:
        seconds = line.ms / 1000 if line.ms is not None else None
        at = self.started + timedelta(seconds=seconds) if self.started and seconds is not None else None
        number = None if piece else line.number
        return Row(number, line.offset, html, line.stream, at, seconds, kind, line.open, line.hidden)


def read_cursor(cursor: str) -> tuple[int, int | None]:
    offset, _, seen = cursor.partition(".")
    return place(offset) or 0, place(seen)


def place(text: str) -> int | None:
    """A number of bytes or lines, as an address says it."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _end(group: Group | None, line: Line) -> None:
    if group is None:
        return
    group.open = False
    if group.head.since is not None and line.ms is not None:
        group.seconds = max(0.0, line.ms / 1000 - group.head.since)


def _chunks(items: list[Item], start: int, into: int) -> Iterator[Chunk]:
    """The browser skips laying out whole chunks that are out of sight, so they must not be too long."""
    numbers = iter(_numbers(items))
    for number, part in groupby(items, key=lambda _: next(numbers)):
        inside = list(part)
        yield Chunk(inside[0].offset if number else start, inside, 0 if number else into)


def _numbers(items: list[Item]) -> Iterator[int]:
    filled = 0
    for item in items:
        yield filled // LINES
        filled += len(_rows(item))


def _rows(item: Item) -> list[Row]:
    return [item.head, *item.rows] if isinstance(item, Group) else [item]
