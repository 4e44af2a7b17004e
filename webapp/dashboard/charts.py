"""Charts as numbers: where each bar stands. The template only draws them; widths are SVG attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.dashboard.queries import Period
from webapp.language import _

WIDTH, HEIGHT, GAP = 720, 120, 3


@dataclass(frozen=True)
class Part:
    tone: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    at: datetime
    x: float
    width: float
    parts: tuple[Part, ...]
    label: str


@dataclass(frozen=True)
class Chart:
    bars: tuple[Bar, ...]
    top: int
    label: str
    width: int = WIDTH
    height: int = HEIGHT


HOURS = "%H:%M"


def volume(periods: Sequence[Period], label: str, form: str) -> Chart:
    top = max((period.total for period in periods), default=0) or 1
    step = WIDTH / max(1, len(periods))
    bars = tuple(_bar(period, number * step, step - GAP, top, form) for number, period in enumerate(periods))
    return Chart(bars, top, label)


def _bar(period: Period, x: float, width: float, top: int, form: str) -> Bar:
    parts, y = [], float(HEIGHT)
    for tone, count in (("success", period.good), ("neutral", period.other), ("danger", period.bad)):
        if count:
            height = max(1.5, HEIGHT * count / top)
            y -= height
            parts.append(Part(tone, round(y, 1), round(height, 1)))
    when = period.at.strftime(form) if form == HOURS else f"{period.at.day} {_(period.at.strftime('%b'))}"
    words = _(
        "%(when)s: %(good)s completed, %(bad)s failed, %(other)s other",
        when=when, good=period.good, bad=period.bad, other=period.other,
    )  # fmt: skip
    return Bar(period.at, round(x, 1), round(width, 1), tuple(parts), words)
