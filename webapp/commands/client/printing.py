"""How results are printed: a table for people, tabs when somebody reads by program, JSON and CSV when asked."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

from webapp.tasks import duration
from webapp.tasks.states import LOOKS, Status

FORMS = ("table", "tsv", "csv", "json", "jsonl")
COLOURS = {
    "success": "green",
    "danger": "red",
    "warning": "yellow",
    "active": "yellow",
    "info": "blue",
    "violet": "magenta",
}
Row = Sequence[str]


def chosen(form: str | None) -> str:
    return form or ("table" if sys.stdout.isatty() else "tsv")


def colourful() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def rows(form: str, heads: Row, found: Iterable[Row]) -> None:
    if form == "table":
        _table(heads, list(found))
    elif form == "csv":
        _csv([heads, *found])
    else:
        for row in found:
            click.echo("\t".join(_one_line(cell) for cell in row))


def values(form: str, found: Iterable[object]) -> None:
    if form == "jsonl":
        for value in found:
            click.echo(json.dumps(value, ensure_ascii=False))
    else:
        click.echo(json.dumps(list(found), ensure_ascii=False, indent=2))


def status(word: str) -> str:
    """As the pages call it, in its colour."""
    look = LOOKS[Status(word)]
    return click.style(look.label, fg=COLOURS.get(look.tone)) if colourful() else look.label


def ago(moment: str | None) -> str:
    return f"{duration.short(_since(moment))} ago" if moment else ""


def took(begun: str | None, ended: str | None) -> str:
    return duration.short(_since(begun) - (_since(ended) if ended else 0)) if begun else ""


def _since(moment: str) -> float:
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


def _table(heads: Row, found: list[Row]) -> None:
    """As wide as the terminal: the last column gives way."""
    lines = [list(heads), *([_one_line(cell) for cell in row] for row in found)]
    widths = [max(len(click.unstyle(line[column])) for line in lines) for column in range(len(heads))]
    room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    for number, line in enumerate(lines):
        cells = [
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(line[:-1], widths, strict=False)
        ]
        text = "  ".join([*cells, _cut(line[-1], max(room, 12))]).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 and colourful() else text)


def _csv(lines: Iterable[Row]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(cell) for cell in line] for line in lines)
    click.echo(text.getvalue(), nl=False)


def _cell(text: str) -> str:
    """A spreadsheet takes a cell with such a start for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
