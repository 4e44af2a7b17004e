"""The processes of this host that run for a task, as their environment says. Linux tells; elsewhere there are none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

NAME = b"MUSTER_TASK_ID="


def of_tasks() -> Iterator[tuple[int, str]]:
    """Process and task id; only those that this user may read."""
    for folder in Path("/proc").glob("[0-9]*"):
        if uuid := of(int(folder.name)):
            yield int(folder.name), uuid


def of(pid: int) -> str | None:
    for entry in environment(pid):
        if entry.startswith(NAME):
            return entry.removeprefix(NAME).decode(errors="replace")
    return None


def environment(pid: int) -> list[bytes]:
    return _read(pid, "environ").split(b"\0")


def parent(pid: int) -> int:
    """0 when it has ended."""
    after_name = _read(pid, "stat").rpartition(b")")[2].split()
    return int(after_name[1]) if after_name else 0


def command(pid: int) -> bytes:
    return _read(pid, "cmdline")


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:  # another user's, or it has ended
        return b""
