"""Retention takes what is over and old, whole chains of it, and the counters follow."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.events import SYSTEM, Event
from webapp.files import lifecycle as files
from webapp.files import store
from webapp.files.models import File
from webapp.tasks import invariants, launch, lifecycle, purge, queries
from webapp.tasks.log import output
from webapp.tasks.models import Batch, Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes.models import Note

KEEP = timedelta(days=90)
LONG_AGO = timedelta(days=91)


def purged(session: Session, settings: Settings, now: datetime | None = None, keep: timedelta | None = KEEP) -> int:
    gone = purge.old(now or clock.now(), settings.data, keep)
    session.commit()
    assert invariants.check(session, settings.data) == []
    return gone


def left(session: Session) -> set[int]:
    return set(session.scalars(sa.select(Task.id)))


def test_what_ended_long_ago_goes_and_the_rest_stays(session: Session, settings: Settings, cast: Cast) -> None:
    now = clock.now()
    old = [made.ended(cast.acme, code, now - LONG_AGO) for code in (0, 3)]
    new, waiting = made.ended(cast.acme, 0, now), made.task(cast.acme, now - LONG_AGO)
    assert queries.counts([cast.acme]) == {"completed": 2, "failed": 1, "pending": 1}
    assert purged(session, settings) == len(old)
    assert left(session) == {new.id, waiting.id}
    assert queries.counts([cast.acme]) == {"completed": 1, "pending": 1}
    assert session.scalar(sa.select(sa.func.count()).select_from(Batch)) == 2
    assert purged(session, settings) == 0


def test_a_chain_goes_as_a_whole_and_only_after_its_last_attempt(
    session: Session, settings: Settings, cast: Cast
) -> None:
    then = clock.now() - LONG_AGO
    failed = made.ended(cast.acme, 3, then)
    retry = lifecycle.retry(failed, made.ANN, then)
    session.commit()
    assert purged(session, settings) == 0
    lifecycle.cancel(retry, made.ANN, then)
    session.commit()
    assert purged(session, settings) == 2
    assert queries.counts([cast.acme]) == {}


def test_all_that_belongs_to_it_goes_with_it(session: Session, settings: Settings, cast: Cast) -> None:
    then = clock.now() - LONG_AGO
    task = made.ended(cast.acme, 0, then)
    folder = output.folder(settings.data, task.uuid)
    output.append(folder, "stdout", 0, b"words", at_ms=0)
    with writing_to(cast.acme):
        notes.add(task, "Seen", SYSTEM, then)
        file = files.add(settings.data, BytesIO(b"bytes"), organization_id=cast.acme, name="a.txt", type="text",
                         by=SYSTEM, now=then, task_id=task.id)  # fmt: skip
        session.flush()
        again = launch.reschedule(task, made.ANN, clock.now())
    task.stdout_size = 5
    session.commit()
    assert purged(session, settings) == 1
    assert not folder.exists() and not store.path_of(settings.data, cast.acme, file.uuid).exists()
    for model in (Note, File):
        assert not session.scalars(sa.select(model)).all()
    assert not session.scalars(sa.select(Event).where(Event.subject == "task", Event.subject_id == task.id)).all()
    follower = session.scalars(sa.select(Task).where(Task.batch_id == again.id)).one()
    session.refresh(follower)
    assert follower.rescheduled_from_id is None


def test_what_was_deleted_can_be_undone_for_a_week(session: Session, settings: Settings, cast: Cast) -> None:
    now = clock.now()
    task = made.ended(cast.acme, 0, now)
    lifecycle.delete(task, made.ANN, now)
    session.commit()
    assert purged(session, settings, now + timedelta(days=6), keep=None) == 0
    assert purged(session, settings, now + timedelta(days=8), keep=None) == 1
    assert queries.counts([cast.acme]) == {}


def test_without_an_end_of_keeping_all_stays(session: Session, settings: Settings, cast: Cast) -> None:
    made.ended(cast.acme, 0, clock.now() - LONG_AGO)
    assert purged(session, settings, keep=None) == 0


def test_a_bite_at_a_time(session: Session, settings: Settings, cast: Cast, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(purge, "BITE", 2)
    for _ in range(3):
        made.ended(cast.acme, 0, clock.now() - LONG_AGO)
    assert [purged(session, settings) for _ in range(3)] == [2, 1, 0]
