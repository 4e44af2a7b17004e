"""What will run, as a picture: one line a schedule, one mark a run, in parts of a thousand of the span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.language import _, ngettext
from webapp.schedules.coming import Row
from webapp.schedules.models import Schedule

WIDTH = 1000
NARROW = 6  # a mark; those that would touch are one
OFTEN = 30  # runs of one schedule; more are one line of the table
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
            return _("Looked at every minute")
        if self.more:
            return _("more than %(count)s runs", count=self.count)
        return ngettext("%(num)s run", "%(num)s runs", self.count)


def line(row: Row, begin: datetime, span: timedelta) -> Line:
    marks: list[Mark] = []
    for at in row.at:
        x = int((at - begin) / span * (WIDTH - NARROW))
        last = marks[-1] if marks else None
        if last and x <= last.x + last.width:
            marks[-1] = Mark(last.x, x + NARROW - last.x, last.count + 1)
        else:
            marks.append(Mark(max(x, 0), NARROW, 1))
    if row.more and marks:
        marks[-1] = _on_and_on(row.schedule, marks[-1], begin, span)
    return Line(row.schedule, marks, len(row.at), row.more)


def _on_and_on(schedule: Schedule, last: Mark, begin: datetime, span: timedelta) -> Mark:
    """Of a schedule that runs too often to count: it goes on like this until its end."""
    end = min(schedule.ends_at or begin + span, begin + span)
    return Mark(last.x, max(last.width, int((end - begin) / span * WIDTH) - last.x), last.count)


@dataclass
class Run:
    """One line of the table: a run, or several of one schedule with nothing between them. `often`: more than are listed."""

    schedule: Schedule
    at: datetime
    until: datetime
    count: int = 1
    often: bool = False


def in_order(rows: Sequence[Row], most: int) -> list[Run]:
    """All runs one after the other, for the table beside the picture; those of a busy schedule are one line."""
    often = [Run(row.schedule, row.at[0], row.at[-1], len(row.at), True) for row in rows if _often(row)]
    return sorted([*often, *_one_by_one(rows, most)], key=lambda run: (run.at, run.schedule.id))[:most]


def _often(row: Row) -> bool:
    return bool(row.at) and (row.more or len(row.at) > OFTEN)


def _one_by_one(rows: Sequence[Row], most: int) -> list[Run]:
    told = ((at, row.schedule) for row in rows if not _often(row) for at in row.at)
    every = sorted(told, key=lambda pair: (pair[0], pair[1].id))
    found: list[Run] = []
    for at, schedule in every:
        if len(found) > 1 and found[-1].schedule is found[-2].schedule is schedule:
            found[-1].until, found[-1].count = at, found[-1].count + 1
        elif len(found) < most:
            found.append(Run(schedule, at, at))
        else:
            break
    return found
