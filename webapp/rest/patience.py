"""Waiting inside a request. It holds one of the server's few threads, so only some may wait at once: half of them
always serve those that do not."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any

from flask import current_app

from webapp.db import db

LONGEST = 60
SHORTEST_LOOK, LONGEST_LOOK = 0.05, 0.5  # seconds between two looks: short tasks are answered at once


def wait(done: Callable[[], bool], seconds: float) -> None:
    """Until it is done, or the time is over, or at once when too many wait already."""
    seats = _seats()
    if not seats.acquire(blocking=False):
        return
    try:
        until, pause = time.monotonic() + min(seconds, LONGEST), SHORTEST_LOOK
        while not done() and (left := until - time.monotonic()) > 0:
            db.session.rollback()  # no transaction and no connection while it sleeps
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_LOOK)
    finally:
        seats.release()


def sit() -> Callable[[], None] | None:
    """A seat for an answer that goes on; whoever gets one calls what it returns, once. None when all are taken."""
    seats = _seats()
    if not seats.acquire(blocking=False):
        return None
    given_back = False

    def leave() -> None:
        nonlocal given_back
        if not given_back:
            given_back = True
            seats.release()

    return leave


def look_again(row: Any) -> None:
    """As others have left it by now."""
    db.session.rollback()
    db.session.refresh(row)


def _seats() -> BoundedSemaphore:
    threads = current_app.extensions["settings"].web_threads
    seats: BoundedSemaphore = current_app.extensions.setdefault("patience", BoundedSemaphore(max(1, threads // 2)))
    return seats
