"""What tests of real processes ask: is it there, and has it happened yet?"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], seconds: float = 30) -> Seen:
    """The first true answer; fails when none comes."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.02)
    return seen


def alive(pid: int) -> bool:
    """False for a zombie too: where nobody reaps orphans, they stay listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second when it ends between the two
        return False
