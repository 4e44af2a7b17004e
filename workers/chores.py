"""Periodic chores of a loop: each in a unit of work of its own, so that one that fails stops no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import structlog
from flask import Flask

from webapp import clock, db, queue
from webapp.config import Settings
from webapp.processes import beats
from workers.loops import rounds

log = structlog.get_logger("chores")


@dataclass
class Chore:
    every: float
    do: Callable[[datetime], object]
    due: float = 0.0

    @property
    def name(self) -> str:
        return getattr(self.do, "__name__", str(self.do))


class Chores:
    def __init__(self, kind: str, app: Flask, chores: Sequence[Chore]):
        self.kind, self.app = kind, app
        self.started_at = clock.now()
        self.chores = [*chores, Chore(beats.EVERY, self.beat), Chore(60, follow_the_database)]

    def tick(self, now: datetime) -> int:
        """One round: every chore whose time has come. Answers how many failed."""
        return sum(not self._do(chore, now) for chore in self.chores if time.monotonic() >= chore.due)

    def beat(self, now: datetime) -> None:
        beats.beat(self.kind, now, self.started_at)

    def _do(self, chore: Chore, now: datetime) -> bool:
        chore.due = time.monotonic() + chore.every
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
