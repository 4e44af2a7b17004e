"""Named points at which a fault run may kill the process: the windows that random kills miss.

`MUSTER_FAULT_POINT=name:n` kills at the n-th passage of that point, `name:n:raise` raises there instead.
Without the variable the calls do nothing.
"""

from __future__ import annotations

import os
import signal

POINTS = ("launched", "committed", "rung", "claimed", "permitted", "ended", "finished", "released", "fired")
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
