"""Tasks for tests, made as they are in life: launched, claimed, started, ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa

from webapp import clock
from webapp.agents.models import Agent
from webapp.db import db, writing_to
from webapp.events import Actor, Event
from webapp.tasks import claim, launch, lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger

ANN = Actor("user", "ann", 1)
WORKER = Actor("worker", "worker@here:1")
KINDS = ["execute_command", "execute_test", "plugin", "update_agent", "uninstall"]
numbers = count(1)


def tasks(
    organization_id: int, inputs: list[Any] | None = None, now: datetime | None = None, **options: Any
) -> list[Task]:
    """Plugin tasks for workers, one for each input."""
    body = {"data": {"plugin_id": "demo", "input_data": inputs or ["a"]}, "options": options}
    return launched(organization_id, body, now)


def task(organization_id: int, now: datetime | None = None, **options: Any) -> Task:
    return tasks(organization_id, None, now, **options)[0]


def command(
    organization_id: int, target: Any, line: str = "true", now: datetime | None = None, **options: Any
) -> list[Task]:
    body = {"type": "execute_command", "data": {"command": line}, "target": target, "options": options}
    return launched(organization_id, body, now)


def launched(organization_id: int, body: dict[str, Any], now: datetime | None = None) -> list[Task]:
    with writing_to(organization_id):
        batch = launch.launch(parse(body), Trigger.MANUAL, ANN, now or clock.now())
    tasks = list(db.session.scalars(sa.select(Task).where(Task.batch_id == batch.id).order_by(Task.id)))
    db.session.commit()  # after looking: on SQLite an open transaction keeps all others from writing
    return tasks


def agent(organization_id: int, hostname: str = "", now: datetime | None = None, **facts: Any) -> Agent:
    now = now or clock.now()
    values = {"os": "linux", "arch": "amd64", "capabilities": KINDS, "last_seen_at": now, "enrolled_at": now} | facts
    made = Agent(organization_id=organization_id, hostname=hostname or f"host-{next(numbers)}", **values)
    db.session.add(made)
    db.session.commit()
    return made


def claimed(now: datetime | None = None, most: int = 1) -> list[Claimed]:
    taken = claim.for_worker(WORKER.name, most, now or clock.now())
    db.session.commit()
    return taken


def started(organization_id: int, now: datetime | None = None, **options: Any) -> Claimed:
    now = now or clock.now()
    task(organization_id, now, **options)
    taken = claimed(now)[0]
    lifecycle.start(taken.task, taken.lease, WORKER, now)
    db.session.commit()
    return taken


def ended(organization_id: int, exit_code: int = 0, now: datetime | None = None, **options: Any) -> Task:
    now = now or clock.now()
    taken = started(organization_id, now, **options)
    lifecycle.finish(taken.task, taken.lease, WORKER, now + timedelta(seconds=1), End(exit_code))
    db.session.commit()
    return taken.task


def moves(of: Task) -> list[tuple[str | None, str]]:
    rows = sa.select(Event).where(Event.subject == "task", Event.subject_id == of.id, Event.seq.is_not(None))
    return [(event.before, event.after) for event in db.session.scalars(rows.order_by(Event.seq))]
