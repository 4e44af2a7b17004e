"""Ratios in one run: A and B in turn, so that a machine that speeds up or slows down does so for both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table. `value` against `budget` in the same unit; `note` says what it was measured against."""

    key: str
    what: str
    value: float
    unit: str
    budget: float
    better: str = "less"
    note: str = ""

    @property
    def kept(self) -> bool:
        return self.value <= self.budget if self.better == "less" else self.value >= self.budget

    def text(self) -> str:
        sign = "≤" if self.better == "less" else "≥"
        verdict = "ok" if self.kept else "MISSED"
        return f"{self.key:<5} {self.what:<52} {self.value:>9.3g} {self.unit:<6} {sign} {self.budget:<8g} {verdict:<7} {self.note}"


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def in_turn(a: Callable[[], object], b: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of each, and the median of the ratio a/b pair by pair. One round first is not counted."""
    a(), b()
    pairs = [(seconds(a), seconds(b)) for _ in range(rounds)]
    ratio = statistics.median(first / second for first, second in pairs)
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs), ratio


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
