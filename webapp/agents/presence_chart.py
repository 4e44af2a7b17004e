"""When an agent was heard over a day: one cell for each quarter of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webapp.agents.models import Heartbeat

CELLS = 96
CELL = timedelta(minutes=15)


@dataclass(frozen=True)
class Cell:
    at: datetime
    heard: bool
    running: int


def day(samples: Sequence[Heartbeat], now: datetime) -> list[Cell]:
    first = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) - CELL * (CELLS - 1)
    most: dict[int, int] = {}
    for sample in samples:
        number = (sample.at - first) // CELL
        most[number] = max(most.get(number, 0), sample.running)
    return [Cell(first + CELL * n, n in most, most.get(n, 0)) for n in range(CELLS)]
