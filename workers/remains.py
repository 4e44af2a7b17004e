"""What runs leave on this host when their worker, its warm parent and their shims are killed all at once.

Each of them looks after what the one below leaves behind; when all go together, a process that had put itself into a
session of its own goes on, and so does the folder. The next worker here ends the one and removes the other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from webapp.processes import survivors
from webapp.tasks.models import Task
from webapp.tasks.states import OPEN

KEPT = timedelta(hours=1)  # a worker that was frozen may still hand in what its runs have left
SHIM = b"workers.runners.nursery"  # in the command line of a warm parent and of its forks

log = structlog.get_logger("worker")


def end_strays(data: Path) -> int:
    """SIGKILL to processes of our tasks that no shim looks after any more."""
    strays = [pid for pid, uuid in survivors.of_tasks() if _ours(pid, data, uuid) and not _looked_after(pid)]
    for pid in strays:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if strays:
        log.warning("processes outlived their worker and were ended", pids=strays)
    return len(strays)


def _ours(pid: int, data: Path, uuid: str) -> bool:
    """Not an agent's on this host, nor another installation's."""
    home = data / "work" / uuid
    return survivors.folder(pid) == home or f"HOME={home}".encode() in survivors.environment(pid)


def _looked_after(pid: int) -> bool:
    while (above := survivors.parent(pid)) > 1:
        if SHIM in survivors.command(above):
            return True
        pid = above
    return above == 0  # it has ended, or the one above it has just done so: the next look tells


def remove_folders(session: Session, data: Path, now: datetime) -> int:
    """Work folders of tasks that ended a while ago, or that nobody knows."""
    there = [path for path in (data / "work").glob("*") if _age(path, now) > KEPT]
    kept = sa.select(Task.uuid).where(
        Task.uuid.in_([path.name for path in there]), sa.or_(Task.status.in_(OPEN), Task.ended_at > now - KEPT)
    )
    held = set(session.scalars(kept)) if there else set()
    gone = [path for path in there if path.name not in held]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def _age(path: Path, now: datetime) -> timedelta:
    with contextlib.suppress(FileNotFoundError):
        return timedelta(seconds=now.timestamp() - path.stat().st_mtime)
    return timedelta()
