"""What happened to one task: every move as a step, drawn to scale, and all its events with who and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import NamedTuple

from webapp.db import db
from webapp.events import Event
from webapp.language import N_, _
from webapp.tasks.lists import rows
from webapp.tasks.models import Task
from webapp.tasks.reasons import ADVICE, Reason
from webapp.tasks.states import LOOKS, Look, Status

MOST = 500
WIDTH = 1000
LEAST = 6  # that a step is drawn with, however short it was

WORDS = {
    "task.stop_requested": N_("Stop requested"),
    "task.first_in_queue": N_("Put first in the queue"),
    "task.deleted": N_("Deleted"),
    "task.restored": N_("Restored"),
    "note.added": N_("Note added"),
    "note.edited": N_("Note edited"),
    "note.deleted": N_("Note deleted"),
}


@dataclass(frozen=True)
class Step:
    """A status and how long it lasted; the last one lasts, or is how it ended."""

    look: Look
    at: datetime
    seconds: float | None
    by: str


class Bar(NamedTuple):
    tone: str
    x: float
    width: float
    title: str


class Happening(NamedTuple):
    at: datetime
    what: str
    look: Look | None
    by: str
    why: str


@dataclass(frozen=True)
class Timeline:
    steps: list[Step]
    bars: list[Bar]
    happenings: list[Happening]

    @property
    def words(self) -> str:
        """Queued 0.2 s, Assigned 0.1 s, Running 12.4 s, Completed"""
        return ", ".join(_words(step) for step in self.steps)


def of(task: Task, now: datetime) -> Timeline:
    events = db.session.scalars(rows.events_of(task).order_by(Event.id).limit(MOST)).all()
    steps = _steps([event for event in events if event.after])
    return Timeline(steps, _bars(steps, now if task.open else None), [_happening(event) for event in events])


def _steps(moves: Sequence[Event]) -> list[Step]:
    return [
        Step(LOOKS[Status(str(move.after))], move.at, (next.at - move.at).total_seconds() if next else None, move.actor)
        for move, next in zip_longest(moves, moves[1:])
    ]


def _bars(steps: list[Step], now: datetime | None) -> list[Bar]:
    """To scale, as far as each can still be seen; what goes on lasts until now."""
    lengths = [(step, step.seconds) for step in steps if step.seconds is not None]
    if now and steps:
        lengths.append((steps[-1], max(0.0, (now - steps[-1].at).total_seconds())))
    total = sum(seconds for _, seconds in lengths) or 1.0
    widths = [max(LEAST, WIDTH * seconds / total) for _, seconds in lengths]
    scale = WIDTH / sum(widths) if widths else 1.0
    bars, x = [], 0.0
    for (step, _length), width in zip(lengths, widths, strict=True):
        bars.append(Bar(step.look.tone, round(x, 1), round(width * scale, 1), _words(step)))
        x += width * scale
    return bars


def _words(step: Step) -> str:
    return _(step.look.label) if step.seconds is None else f"{_(step.look.label)} {step.seconds:.1f} s"


def _happening(event: Event) -> Happening:
    look = LOOKS[Status(event.after)] if event.after else None
    reason = _(ADVICE[Reason(event.reason)].label) if event.reason in ADVICE else event.reason
    what = look.label if look else WORDS.get(event.kind, event.kind)
    return Happening(event.at, what, look, event.actor, ": ".join(part for part in (reason, event.text) if part))
