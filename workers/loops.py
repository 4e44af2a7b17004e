"""The loops: each does a round, waits, does the next. One process holds all of them, or each has its own."""

import importlib
import os
import signal
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import structlog

from webapp import clock
from webapp.config import Settings

# module:function(settings, stop), which does rounds until `stop` is set.
LOOPS = {
    "scheduler": "workers.scheduler:main",
    "caretaker": "workers.caretaker:main",
    "wake": "workers.wake:main",
}
LAST_ROUND_SECONDS = 25.0
LONGEST_PAUSE = 30.0

log = structlog.get_logger("loops")


def main(settings: Settings, names: Iterable[str] = LOOPS) -> int:
    """Until SIGTERM or Ctrl-C. A loop that ends by itself ends the process: whoever started it starts it afresh."""
    stop, failed = threading.Event(), threading.Event()
    awake, wakes = os.pipe()
    _wake_on_signals(wakes)
    threads = [threading.Thread(target=_guard, args=(name, settings, stop, failed, wakes), name=name) for name in names]
    for thread in threads:
        thread.start()
    os.read(awake, 1)  # not `stop.wait()`: a handler that sets an event which its own thread waits for can deadlock
    stop.set()
    for thread in threads:
        thread.join(LAST_ROUND_SECONDS)
    return 1 if failed.is_set() else 0


def rounds(name: str, tick: Callable[[datetime], object], every: float, stop: threading.Event) -> None:
    """`tick(now)` every so many seconds. A failed round is logged and, after a growing pause, tried again."""
    pause = every
    while not stop.is_set():
        try:
            tick(clock.now())
            pause = every
        except Exception:
            pause = min(LONGEST_PAUSE, max(1.0, pause * 2))
            log.exception("a round failed", loop=name, again_in=f"{pause:.0f} s")
        stop.wait(pause)


def load(where: str) -> Any:
    """The function that `module:function` names."""
    module, function = where.split(":")
    return getattr(importlib.import_module(module), function)


def _guard(name: str, settings: Settings, stop: threading.Event, failed: threading.Event, wakes: int) -> None:
    try:
        load(LOOPS[name])(settings, stop)
    except BaseException:
        log.exception("a loop ended", loop=name)
        failed.set()
    os.write(wakes, b"x")


def _wake_on_signals(wakes: int) -> None:
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
