"""The processes of this host that run for a task, as their environment or folder says. Linux tells; elsewhere there are none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

NAME = b"MUSTER_TASK_ID="
WORK = "work"  # each task of a worker has a folder of its own in there


def of_tasks() -> Iterator[tuple[int, str]]:
    """Process and task id; only those that this user may read."""
    for process in Path("/proc").glob("[0-9]*"):
        if uuid := of(int(process.name)):
            yield int(process.name), uuid


def of(pid: int) -> str | None:
    """By its environment, or, since a fork keeps that of the process it was forked from, by its folder."""
    for entry in environment(pid):
        if entry.startswith(NAME):
            return entry.removeprefix(NAME).decode(errors="replace")
    place = folder(pid)
    return place.name if place and place.parent.name == WORK else None


def folder(pid: int) -> Path | None:
    """Where it stands, also when the folder itself has gone."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)"))
    except OSError:
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
