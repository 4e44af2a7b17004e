"""The lines of an output at which somebody who looks for what went wrong should stop, however long it is."""

from __future__ import annotations

import re
import time
from pathlib import Path

from webapp.tasks.log import output
from webapp.tasks.log.ansi import ALARM
from webapp.tasks.log.output_lines import Found, Line
from webapp.tasks.log.output_view import open_view

_BITE = 1024 * 1024
_WORD = 16  # bytes: a word may lie across two bites
_ALARM = re.compile(ALARM.encode(), re.IGNORECASE)


def alarms(folder: Path, stream: str, from_offset: int = 0, limit: int = 100, seconds: float = 0.5) -> Found:
    """As `output.find` does it: after `seconds` it stops where it is, and `next` says where to go on."""
    end, lines, place = time.monotonic() + seconds, list[Line](), from_offset
    with open_view(folder, stream) as view:
        while place < view.size:
            data = view.read(place, place + _BITE)
            if match := _ALARM.search(data):
                found = output.window(folder, stream, from_offset=place + match.start(), limit_lines=1).lines[0]
                lines.append(found)
                place = max(found.end, place + match.end())
            else:
                last = place + len(data) >= view.size
                place += len(data) if last else len(data) - _WORD
            if len(lines) == limit or time.monotonic() > end:
                return Found(lines, place if place < view.size else None)
    return Found(lines, None)
