"""A document of ours as blocks for the page that shows it: the part of Markdown that docs/ is written in.

Headings, paragraphs over several lines, lists with whatever stands in their items, tables and fenced code. Links between
documents lead to their pages, and each heading can be linked to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile
from textwrap import dedent

from markupsafe import Markup

from webapp.tasks import markdown

_FENCE = re.compile(r"```")
_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"(?:([-*+])|\d{1,4}[.)]) +")
_CELL = re.compile(r"\|((?:`[^`]*`|\\.|[^|\\])*)(?=\|)")
_RULE = re.compile(r"[|:\s-]+")
_NEAR = re.compile(r"\]\((?:(?P<name>[\w-]+)\.md)?(?P<anchor>#[\w-]+)?\)")


@dataclass(frozen=True)
class Block:
    """`kind`: heading, p, ul, ol, table or pre. Text that is no code has its spans rendered."""

    kind: str
    text: str = ""
    level: int = 0
    anchor: str = ""
    rows: list[list[Markup]] = field(default_factory=list)
    items: list[list[Block]] = field(default_factory=list)


def read(text: str, name: str) -> list[Block]:
    """`name`: the document's own, for links within it."""
    return list(_Reader(name).blocks(text.split("\n")))


class _Reader:
    def __init__(self, name: str):
        self.name = name
        self.seen: set[str] = set()

    def blocks(self, lines: list[str]) -> Iterator[Block]:
        while lines:
            kind, size = _first(lines)
            part, lines = lines[:size], lines[size:]
            if kind:
                yield getattr(self, kind)(part)

    def pre(self, lines: list[str]) -> Block:
        return Block("pre", "\n".join(lines[1:-1]))

    def heading(self, lines: list[str]) -> Block:
        match = _HEADING.match(lines[0])
        assert match
        return Block("heading", self.spans(match[2]), len(match[1]), self._anchor(match[2]))

    def table(self, lines: list[str]) -> Block:
        rows = [
            [self.spans(cell.strip()) for cell in _CELL.findall(line)] for line in lines if not _RULE.fullmatch(line)
        ]
        return Block("table", rows=rows)

    def items(self, lines: list[str]) -> Block:
        starts = [at for at, line in enumerate(lines) if _ITEM.match(line)]
        match = _ITEM.match(lines[0])
        kind = "ul" if match and match[1] else "ol"
        parts = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
        return Block(kind, items=[list(self.blocks(_item(part))) for part in parts])

    def p(self, lines: list[str]) -> Block:
        return Block("p", self.spans(" ".join(line.strip() for line in lines)))

    def spans(self, text: str) -> Markup:
        return markdown.spans(_NEAR.sub(self._link, text.replace("\\|", "|")))

    def _link(self, match: re.Match[str]) -> str:
        return f"](/help/{match['name'] or self.name}{match['anchor'] or ''})"

    def _anchor(self, title: str) -> str:
        """As code hosts make them, so that a link works there and here."""
        plain = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        free = next(name for n in count() if (name := f"{plain}-{n}" if n else plain) not in self.seen)
        self.seen.add(free)
        return free


def _first(lines: list[str]) -> tuple[str, int]:
    """Which block the lines begin with, and how many of them it has."""
    line = lines[0]
    if not line.strip():
        return "", 1
    if _FENCE.match(line):
        return "pre", _until_fence(lines)
    if _HEADING.match(line):
        return "heading", 1
    if line.startswith("|"):
        return "table", _while(lines, lambda each: each.startswith("|"))
    if _ITEM.match(line):
        return "items", _items_end(lines)
    return "p", 1 + _while(lines[1:], lambda each: bool(each.strip()) and _first([each])[0] == "p")


def _while(lines: list[str], holds: Callable[[str], bool]) -> int:
    return sum(1 for _ in takewhile(holds, lines))


def _until_fence(lines: list[str]) -> int:
    return next((at + 1 for at, line in enumerate(lines) if at and _FENCE.match(line)), len(lines))


def _items_end(lines: list[str]) -> int:
    """Items of the same sort, what is indented below them, and empty lines between them."""
    bullet = _ITEM.match(lines[0])

    def belongs(line: str) -> bool:
        match = _ITEM.match(line)
        return not line.strip() or line.startswith("  ") or bool(match and bullet and bool(match[1]) == bool(bullet[1]))

    return _while(lines, belongs)


def _item(lines: list[str]) -> list[str]:
    """Without its mark, and what stands below it no longer indented."""
    first = _ITEM.sub("", lines[0], count=1)
    return [first, *dedent("\n".join(lines[1:])).split("\n")] if lines[1:] else [first]
