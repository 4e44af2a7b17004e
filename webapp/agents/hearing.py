"""Could the server have heard? An agent is judged by its silence only after the server itself has been there a while,
so that an outage of the server never fails what runs on hosts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.db import db
from webapp.processes import beats
from webapp.processes.models import Process

KIND = "web"
GRACE = timedelta(seconds=120)  # for agents to come back: longer than their longest pause between two tries


def sure(now: datetime) -> bool:
    """Some web process has answered for the length of the grace without a break. Where web processes tell nothing of
    themselves, because another server runs the application, every silence counts."""
    known = db.session.scalars(sa.select(Process).where(Process.kind == KIND)).all()
    if not known:
        return True
    return any(process.seen_at > now - beats.ALIVE and now - since(process) >= GRACE for process in known)


def say(now: datetime, since: datetime) -> None:
    """A web process tells that it has answered since then."""
    beats.beat(KIND, now, since, since=since.isoformat())


def since(process: Process) -> datetime:
    return datetime.fromisoformat(process.facts["since"]) if "since" in process.facts else process.started_at
