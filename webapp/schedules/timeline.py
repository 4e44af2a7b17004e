"""What will run, as a picture: one line a schedule, one mark a run, in parts of a thousand of the span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.schedules.models import Schedule
from webapp.schedules.queries import Row

WIDTH = 1000
NARROW = 6  # a mark; those that would touch are one
STEPS = {24: [f"+{hours} h" for hours in range(0, 24, 3)], 168: [f"+{days} d" for days in range(7)]}


@dataclass(frozen=True)
class Mark:
    x: int
    width: int
    count: int


@dataclass(frozen=True)
class Line:
    schedule: Schedule
    marks: Sequence[Mark]
    count: int
    more: bool

    @property
    def words(self) -> str:
        if not self.count:
            return "Looked at every minute"
        return f"{'more than ' if self.more else ''}{self.count} run{'s' * (self.count > 1)}"


def line(row: Row, begin: datetime, span: timedelta) -> Line:
    marks: list[Mark] = []
    for at in row.at:
        x = int((at - begin) / span * (WIDTH - NARROW))
        last = marks[-1] if marks else None
        if last and x <= last.x + last.width:
            marks[-1] = Mark(last.x, x + NARROW - last.x, last.count + 1)
        else:
            marks.append(Mark(max(x, 0), NARROW, 1))
    return Line(row.schedule, marks, len(row.at), row.more)


def in_order(rows: Sequence[Row], most: int) -> list[tuple[datetime, Schedule]]:
    """All runs one after the other, for the table beside the picture."""
    every = [(at, row.schedule) for row in rows for at in row.at]
    return sorted(every, key=lambda pair: (pair[0], pair[1].id))[:most]
