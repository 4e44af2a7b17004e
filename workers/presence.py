"""A web process says that it answers, so that silence of agents is judged only while somebody could have heard them."""

from __future__ import annotations

import threading
from datetime import datetime

import structlog
from flask import Flask

from webapp import clock, db
from webapp.agents import hearing
from webapp.processes import beats

log = structlog.get_logger("web")


def tell(app: Flask) -> None:
    """From now on, in a thread of its own, until the process ends."""
    threading.Thread(target=_tell, args=(app,), name="presence", daemon=True).start()


def _tell(app: Flask) -> None:
    since, told, pause = clock.now(), clock.now(), threading.Event()
    while True:
        now = clock.now()
        if now - told > beats.ALIVE:  # the database was away, or this process stood still: nobody was heard meanwhile
            since = now
        if _say(app, now, since):
            told = now
        pause.wait(beats.EVERY)


def _say(app: Flask, now: datetime, since: datetime) -> bool:
    try:
        with db.unit(app, "presence"):
            hearing.say(now, since)
        return True
    except Exception as error:
        log.warning("this process could not say that it answers", error=str(error))
        return False
