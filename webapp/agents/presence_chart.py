"""When an agent was heard over a day: one cell for each quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    first = _first(now)
    most: dict[int, int] = {}
    for sample in samples:
        number = (sample.at - first) // CELL
        most[number] = max(most.get(number, 0), sample.running)
    return [Cell(first + CELL * n, n in most, most.get(n, 0)) for n in range(CELLS)]


def strip(heard_at: Iterable[datetime], now: datetime) -> list[tuple[int, int]]:
    """The same day in little room: where it was heard, as stretches of cells (first, how many)."""
    first = _first(now)
    stretches: list[tuple[int, int]] = []
    for cell in sorted({(at - first) // CELL for at in heard_at if at >= first}):
        if stretches and sum(stretches[-1]) == cell:
            stretches[-1] = (stretches[-1][0], stretches[-1][1] + 1)
        else:
            stretches.append((cell, 1))
    return stretches


def _first(now: datetime) -> datetime:
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) - CELL * (CELLS - 1)
