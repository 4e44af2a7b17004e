"""A process says that it lives; others ask who does."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webapp.bulk import upsert
from webapp.db import db
from webapp.processes.models import Process

EVERY = 15.0
ALIVE = timedelta(seconds=45)
KEPT = timedelta(days=1)


def name_of(kind: str) -> str:
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def beat(kind: str, now: datetime, started_at: datetime, **facts: Any) -> None:
    row = {"name": name_of(kind), "kind": kind, "host": socket.gethostname(), "pid": os.getpid(),
           "started_at": started_at, "seen_at": now, "facts": facts}  # fmt: skip
    upsert(Process, [row], ["name"], ["seen_at", "facts"])


def goodbye(kind: str) -> None:
    db.session.execute(sa.delete(Process).where(Process.name == name_of(kind)))


def alive(kind: str, now: datetime) -> Sequence[Process]:
    seen = sa.select(Process).where(Process.kind == kind, Process.seen_at > now - ALIVE).order_by(Process.name)
    return db.session.scalars(seen).all()


def count_alive(kind: str, now: datetime) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Process).where(
        Process.kind == kind, Process.seen_at > now - ALIVE)) or 0  # fmt: skip


def newest(kind: str) -> datetime | None:
    return db.session.scalar(sa.select(sa.func.max(Process.seen_at)).where(Process.kind == kind))


def forget_old(now: datetime) -> int:
    gone = db.session.execute(sa.delete(Process).where(Process.seen_at < now - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]
