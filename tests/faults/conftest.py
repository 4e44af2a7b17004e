"""A site of real processes, from which something is then taken away."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bench.storm import marker
from bench.storm.marker import Mark
from bench.storm.site import Site, children
from tests.workers.processes import until
from webapp import clock, queue
from webapp.access.models import Organization
from webapp.db import db as database
from webapp.db import scope_to
from webapp.events import Actor
from webapp.tasks import invariants, launch, sweep
from webapp.tasks.models import Task
from webapp.tasks.spec import parse
from webapp.tasks.states import OPEN, Trigger

BY = Actor("user", "ann", 1)


class Faulty(Site):
    """What tests do with it, in this process and beside the parts."""

    def launch(self, *keys: str, options: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        data = {"plugin_id": marker.PLUGIN_ID, "input_data": list(keys), "kwargs": {"lines": 1} | kwargs}
        with self.app.app_context():
            session = database.session()
            with self.unit() as reading:
                home = reading.scalar(sa.select(Organization.id))
            scope_to([home], home)
            batch = launch.launch(parse({"data": data, "options": options or {}}), Trigger.API, BY, clock.now())
            uuids = list(session.scalars(sa.select(Task.uuid).where(Task.batch_id == batch.id).order_by(Task.id)))
            session.commit()
        return uuids

    def task(self, uuid: str) -> Task:
        with self.unit() as session:
            task: Task = session.scalars(sa.select(Task).where(Task.uuid == uuid)).one()
            return task

    def becomes(self, uuid: str, *statuses: str) -> Task:
        until(lambda: self.task(uuid).status in statuses)
        return self.task(uuid)

    def tasks(self) -> list[Task]:
        with self.unit() as session:
            return list(session.scalars(sa.select(Task).order_by(Task.id)))

    def open(self) -> int:
        return sum(task.status in OPEN for task in self.tasks())

    def minutes_pass(self, minutes: float = 1.1) -> None:
        """What the caretaker would do then."""
        later = clock.now() + timedelta(minutes=minutes)
        for chore in sweep.ROUND:
            with self.unit(reading=False):
                chore(later)

    def family(self, name: str) -> list[int]:
        """A worker, its warm parent and its shims."""
        warm = self.children(name)
        return [self.processes[name].pid, *warm, *(shim for parent in warm for shim in children(parent))]

    def kill_pids(self, pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def text(self) -> str:
        return (self.folder / "site.log").read_text()

    def soon(self) -> str:
        return (clock.now() + timedelta(seconds=1)).isoformat()

    def marks(self, word: str = "start") -> list[Mark]:
        return [mark for mark in marker.marks(self.ledger) if mark.word == word]

    def broken(self) -> list[str]:
        with self.unit() as session:
            return [str(violation) for violation in invariants.check(session, self.settings.data)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Faulty]:
    """Nothing of it runs yet. After the test every promise must hold, and nothing may be left over."""
    yield from _site(tmp_path / "site")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """One for a module's tests, which leave their own rows in it."""
    yield from _site(tmp_path_factory.mktemp("lasting") / "site")


def _site(folder: Path) -> Iterator[Faulty]:
    made = Faulty(folder, MUSTER_SQLITE_SYNCHRONOUS="NORMAL")
    try:
        yield made
        broken = made.broken()
    finally:
        left = made.stop()
        queue._line = queue.Line()  # the next test has a broker of its own
    assert not broken and not left
