"""Lengths of time as people write them: 90s, 15m, 1h, 7d."""

from __future__ import annotations

import re

from webapp.language import _

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,9})\s*([smhdw]?)\s*", text)
    if not match:
        raise ValueError(_("Enter a length like 90s, 15m or 1h"))
    return int(match[1]) * UNITS[match[2]]


def short(total: float) -> str:
    """12.4 s, 3 min 05 s, 2 h 10 min, 4 d 3 h: two units at most."""
    if total < 60:
        return f"{total:.1f} s" if total < 10 else f"{total:.0f} s"
    whole = int(total)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
