"""Terminal colours in task output, as classes; everything else that a terminal would obey is removed.

What comes out is escaped text in `<span class="a-…">` from a fixed list, whatever a task prints. The time
it takes grows with the length of a line and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

LONGEST = 64 * 1024  # characters of a line; the output's windows show less
MOST_SPANS = 1000  # of a line: beyond, the text goes on without colours

_SEQUENCE = re.compile(
    r"""
      (?:\x1b\[|\x9b) (?P<parameters>[0-?]*) (?:[ -/]* (?P<final>[@-~]))?   # CSI
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]) [^\x07\x1b\x9c]* (?:\x07|\x9c|\x1b\\)?  # OSC, DCS and other strings
    | \x1b[ -/]*[0-~]?                                                      # two letters, as to choose a charset
    """,
    re.VERBOSE,
)
# Controls but for the tab; marks that turn or join text so that it reads as something else; line separators.
_UNSEEN = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


@dataclass(frozen=True)
class Style:
    """What a terminal remembers from one text to the next: the numbers of its classes."""

    effects: frozenset[int] = frozenset()
    foreground: int | None = None
    background: int | None = None

    @property
    def classes(self) -> str:
        colours = [colour for colour in (self.foreground, self.background) if colour is not None]
        return " ".join(f"a-{number}" for number in [*sorted(self.effects), *colours])


PLAIN = Style()
_ENDS = {21: {1}, 22: {1, 2}, 23: {3}, 24: {4}, 27: {7}, 29: {9}}
_FOREGROUNDS = {*range(30, 38), *range(90, 98)}
_BACKGROUNDS = {*range(40, 48), *range(100, 108)}


class Screen:
    """Lines in their order: a colour lasts until it is changed, over the ends of lines too."""

    def __init__(self, style: Style = PLAIN):
        self.style = style

    def line(self, text: str) -> Markup:
        parts: list[str] = []
        for piece, style in self._runs(text[:LONGEST]):
            classes = style.classes if len(parts) < MOST_SPANS else ""
            shown = escape(piece)
            parts.append(f'<span class="{classes}">{shown}</span>' if classes else shown)
        return Markup("".join(parts))

    def _runs(self, text: str) -> Iterator[tuple[str, Style]]:
        """Pieces of visible text and their styles; neighbours that look alike are one."""
        waiting, style, place = "", self.style, 0
        for match in _SEQUENCE.finditer(text):
            waiting += _UNSEEN.sub("", text[place : match.start()])
            place = match.end()
            if match["final"] == "m":
                self.style = _select(self.style, match["parameters"])
            if self.style != style and waiting:
                yield waiting, style
                waiting = ""
            style = self.style
        waiting += _UNSEEN.sub("", text[place:])
        if waiting:
            yield waiting, style


def convert(text: str) -> Markup:
    """One text on its own, lines and all."""
    screen = Screen()
    return Markup("\n").join(screen.line(line) for line in text.split("\n"))


def plain(text: str) -> str:
    """Without anything that a terminal would obey: for search, alerts and titles."""
    return _UNSEEN.sub("", _SEQUENCE.sub("", text[:LONGEST]))


@lru_cache(maxsize=1024)
def _select(style: Style, parameters: str) -> Style:
    """SGR, with `;` or `:` between the numbers; what is unknown changes nothing."""
    numbers = [int(number) if number.isdigit() else 0 for number in re.split("[;:]", parameters[:100])]
    while numbers:
        number = numbers.pop(0)
        if number in (38, 48):
            colour = _extended(numbers)
            if colour is not None:
                style = _coloured(style, colour + (10 if number == 48 else 0))
        else:
            style = _one(style, number)
    return style


def _one(style: Style, number: int) -> Style:
    if number == 0:
        return PLAIN
    if number in (1, 2, 3, 4, 7, 9):
        return replace(style, effects=style.effects | {number})
    if number in _ENDS:
        return replace(style, effects=style.effects - _ENDS[number])
    if number == 39:
        return replace(style, foreground=None)
    if number == 49:
        return replace(style, background=None)
    return _coloured(style, number)


def _coloured(style: Style, number: int) -> Style:
    if number in _FOREGROUNDS:
        return replace(style, foreground=number)
    if number in _BACKGROUNDS:
        return replace(style, background=number)
    return style


def _extended(numbers: list[int]) -> int | None:
    """`5;n` of 256 or `2;r;g;b`: the nearest of the sixteen, which follow the theme and can be read on it."""
    kind = numbers.pop(0) if numbers else None
    if kind == 5 and numbers:
        number = numbers.pop(0)
        return _nearest(_of_256(number)) if 15 < number < 256 else _sixteen(number) if number < 16 else None
    if kind == 2 and len(numbers) >= 3:
        rgb = numbers.pop(0), numbers.pop(0), numbers.pop(0)
        return _nearest(rgb)
    return None


_RGB = [
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
    (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
    (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
]  # fmt: skip


def _sixteen(number: int) -> int:
    return 30 + number if number < 8 else 82 + number


def _of_256(number: int) -> tuple[int, int, int]:
    """The cube of 6 × 6 × 6, then 24 greys."""
    if number >= 232:
        return ((number - 232) * 10 + 8,) * 3
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return levels[number // 36], levels[number // 6 % 6], levels[number % 6]


def _nearest(rgb: tuple[int, int, int]) -> int:
    return _sixteen(
        min(range(16), key=lambda number: sum((a - b) ** 2 for a, b in zip(_RGB[number], rgb, strict=True)))
    )


class Marker(NamedTuple):
    """A line that begins or ends a group of lines, or calls for attention."""

    kind: str  # begin | end | error | warning | notice
    title: str
    folded: bool = False


_MARKERS = [
    (re.compile(r"(?:::|##\[)group(?:::|\])(?P<title>.*)"), "begin", True),
    (re.compile(r"(?:::|##\[)endgroup(?:::|\])"), "end", False),
    (re.compile(r"(?:::|##\[)(?P<kind>error|warning|notice)(?: [^:]*)?(?:::|\])(?P<title>.*)"), "", False),
    (
        re.compile(r"section_start:\d+:[\w.-]+(?P<folded>\[collapsed=true\])?\r?(?P<title>.*)", re.DOTALL),
        "begin",
        False,
    ),
    (re.compile(r"section_end:\d+:[\w.-]+"), "end", False),
    # Not the head of a diff: those name a file.
    (re.compile(r"(?:---|~~~) (?![ab]/|/dev/null|.*\t)(?P<title>\S.*)"), "begin", True),
    (re.compile(r"\+\+\+ (?![ab]/|/dev/null|.*\t)(?P<title>\S.*)"), "begin", False),
]
ALARM = r"\b(?:error|fatal|critical|panic|exception|traceback|failed|failure)\b"
_ALARM = re.compile(ALARM, re.IGNORECASE)
_RED = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:31|91)m")


def marker(text: str) -> Marker | None:
    """What the line means to a build system, if anything: GitHub, GitLab and Buildkite have each their own."""
    start = _SEQUENCE.sub("", text[:1000]).lstrip("\x00\r")
    if not start.startswith(("::", "##[", "section_", "---", "+++", "~~~")):
        return None
    for pattern, kind, folded in _MARKERS:
        if match := pattern.match(start):
            found = match.groupdict()
            title = _UNSEEN.sub("", found.get("title") or "").strip()
            return Marker(found.get("kind") or kind, title, folded or bool(found.get("folded")))
    return None


def alarming(text: str) -> bool:
    """Whether somebody who looks for what went wrong should stop here."""
    return _ALARM.search(text, 0, 4000) is not None or _RED.search(text, 0, 4000) is not None
