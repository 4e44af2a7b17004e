"""Named points at which a fault run may kill the process: the windows that random kills miss.

`MUSTER_FAULT_POINT=name:n` kills at the n-th passage of that point, `name:n:raise` raises there instead.
Without the variable the calls do nothing.
"""

from __future__ import annotations

import os
import signal

# Where each is greps as crash_here("name"):
POINTS = (
    "launched",  # the rows are inserted, nothing is committed
    "committed",  # the database has it, nobody has been told
    "rung",  # the broker has been told, nobody has been answered
    "claimed",  # the rows are a worker's, its slots do not know yet
    "permitted",  # the row says executing, nothing runs
    "ended",  # the child has ended, the row does not say so
    "finished",  # the end is written, and what follows from it and the commit are not
    "released",  # the row is in the queue, the ring and the commit are not
    "fired",  # a slot has its tasks, and does not say so yet
)
_left: dict[str, int] = {}


class Crash(RuntimeError):
    """Raised at a fault point that was told to raise."""


def crash_here(name: str) -> None:
    wanted = os.environ.get("MUSTER_FAULT_POINT")
    if not wanted:
        return
    point, _, rest = wanted.partition(":")
    if point != name:
        return
    number, _, how = rest.partition(":")
    left = _left.get(name, int(number or 1)) - 1
    _left[name] = left
    if left == 0:
        if how == "raise":
            raise Crash(name)
        os.kill(os.getpid(), signal.SIGKILL)
