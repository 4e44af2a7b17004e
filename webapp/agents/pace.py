"""How often agents ask, by how many there are: so that the server hears at most some tens of them a second."""

from __future__ import annotations

import time
from collections.abc import Callable

BEATS_PER_SECOND = 50
CLAIMS_PER_SECOND = 70
COUNTED_FOR = 60.0


def beat_interval(fleet: int) -> float:
    return min(60.0, max(15.0, fleet / BEATS_PER_SECOND))


def claim_interval(fleet: int) -> float:
    """The wake channel tells of work at once; asking only makes up for what it misses."""
    return min(15.0, max(2.0, fleet / CLAIMS_PER_SECOND))


class Fleet:
    """The number of agents as this process last counted it."""

    def __init__(self) -> None:
        self.size = 0
        self.counted = -COUNTED_FOR

    @property
    def fresh(self) -> bool:
        return time.monotonic() - self.counted < COUNTED_FOR

    def counted_by(self, count: Callable[[], int]) -> int:
        if not self.fresh:
            self.size, self.counted = count(), time.monotonic()
        return self.size
