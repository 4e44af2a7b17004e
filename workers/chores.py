"""Periodic chores of a loop: each in a unit of work of its own, so that one that fails stops no other.

Most of the time there is nothing to do: one statement that only reads asks for all of them whether there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import sqlalchemy as sa
import structlog
from flask import Flask

from webapp import clock, db, queue
from webapp.config import Settings
from webapp.processes import beats
from workers.due import Question
from workers.loops import rounds

log = structlog.get_logger("chores")


@dataclass
class Chore:
    every: float
    do: Callable[[datetime], object]
    asks: Question | None = None  # without one it does its look itself
    due: float = 0.0

    @property
    def name(self) -> str:
        return getattr(self.do, "__name__", str(self.do))


class Chores:
    def __init__(self, kind: str, app: Flask, chores: Sequence[Chore]):
        self.kind, self.app = kind, app
        self.started_at = clock.now()
        self.chores = [*chores, Chore(beats.EVERY, self.beat), Chore(60, follow_the_database)]
        self.questions = sa.select(*(sa.literal(True) if each.asks is None else each.asks for each in self.chores))
        with app.app_context():
            self.engine = db.db.reading_engine(db.db.engine)

    def tick(self, now: datetime) -> int:
        """One round: every chore whose time has come and that has something to do. Answers how many failed."""
        ripe = [time.monotonic() >= chore.due for chore in self.chores]
        if not any(ripe):
            return 0
        answers = self._ask(now)
        round = zip(self.chores, ripe, answers, strict=True)
        return sum(not self._do(chore, wanted, now) for chore, due, wanted in round if due)

    def _ask(self, now: datetime) -> Sequence[bool]:
        try:
            with self.engine.connect() as connection:
                return connection.execute(self.questions, {"now": now}).one()
        except Exception:  # each chore finds out for itself
            log.exception("the chores were not asked for", loop=self.kind)
            return [True] * len(self.chores)

    def beat(self, now: datetime) -> None:
        beats.beat(self.kind, now, self.started_at)

    def _do(self, chore: Chore, wanted: bool, now: datetime) -> bool:
        chore.due = time.monotonic() + chore.every
        if not wanted:
            return True
        try:
            with db.unit(self.app, f"{self.kind}: {chore.name}"):
                chore.do(now)
            return True
        except Exception:
            log.exception("a chore failed", loop=self.kind, chore=chore.name)
            return False


def follow_the_database(now: datetime) -> None:
    clock.follow(db.database_now())


def run(kind: str, settings: Settings, chores: Sequence[Chore], every: float, stop: Event) -> None:
    queue.connect(settings)
    work = Chores(kind, db.core(settings), chores)
    rounds(kind, work.tick, every, stop)
    with db.unit(work.app, kind):
        beats.goodbye(kind)
