"""Turns what is due into work: tasks whose time has come, and targets that are looked for only now."""

from __future__ import annotations

from threading import Event

from webapp.config import Settings
from webapp.tasks import sweep
from workers.chores import Chore, run

CHORES = (Chore(0.5, sweep.release_due), Chore(1, sweep.fan_out))
EVERY = 0.5


def main(settings: Settings, stop: Event) -> None:
    run("scheduler", settings, CHORES, EVERY, stop)
