"""Each invariant is true of tasks that were made and ended by the verbs, and names the row where it is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import until
from webapp import clock
from webapp.commands import doctor
from webapp.config import Settings
from webapp.events import Event
from webapp.files.models import File
from webapp.tasks import invariants, lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output
from webapp.tasks.models import Batch, Count, Task


def change(session: Session, task: Task, **values: object) -> None:
    session.execute(sa.update(Task).where(Task.id == task.id).values(**values))


def test_nothing_is_broken_after_a_life_of_every_kind(session: Session, cast: Cast, settings: Settings) -> None:
    made.ended(cast.acme)
    failed = made.ended(cast.acme, exit_code=1, max_retries=1)
    lost = made.started(cast.acme)
    lifecycle.lose(lost.task, made.WORKER, clock.now())
    stopped = made.started(cast.acme)
    lifecycle.cancel(stopped.task, made.ANN, clock.now())
    lifecycle.stopped(stopped.task, stopped.lease, made.WORKER, clock.now(), End(260, reason="cancelled"))
    made.task(cast.acme)
    lifecycle.give_back(made.claimed()[0].task, None, made.WORKER, clock.now())
    lifecycle.cancel(made.task(cast.acme), made.ANN, clock.now())
    lifecycle.resolve_late(lost.task, made.WORKER, clock.now(), End(0))
    session.flush()
    assert failed.status == "failed"
    assert invariants.check(session, settings.data) == []


def test_an_attempt_that_was_lost_is_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    change(session, task, retry_number=1)
    assert [str(each) for each in invariants.chains(session)] == [
        f"Inv1 chain {task.id}: 1 attempts up to number 1, 1 of them latest"
    ]


def test_two_latest_attempts_are_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, exit_code=1)
    lifecycle.retry(task, made.ANN, clock.now())
    change(session, task, latest=True)
    assert len(invariants.chains(session)) == 1


def test_a_second_start_is_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    session.execute(sa.update(Event).where(Event.subject_id == task.id, Event.seq == 2).values(after="executing"))
    assert [each.subject for each in invariants.starts(session)] == [f"task {task.id}"]


def test_an_end_without_a_start_is_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    session.execute(sa.delete(Event).where(Event.subject_id == task.id, Event.after == "executing"))
    assert len(invariants.starts(session)) == 1
    assert len(invariants.histories(session)) == 1


def test_a_step_that_is_not_in_the_table_is_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    session.execute(sa.update(Event).where(Event.subject_id == task.id, Event.seq == 3).values(before="pending"))
    assert [each.text for each in invariants.moves(session)] == ["step 3: pending → executing"]


def test_a_row_that_moved_without_an_event_is_told(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    change(session, task, status="assigned")
    assert len(invariants.histories(session)) == 1
    assert len(invariants.leases(session)) == 1
    assert {each.subject for each in invariants.counters(session)} == {"count assigned", "count pending"}


def test_a_token_that_outlives_its_task_is_told(session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    change(session, task, token_hash="x" * 64)
    assert len(invariants.leases(session)) == 1


def test_a_failure_without_a_reason_is_told(session: Session, cast: Cast) -> None:
    lost = made.started(cast.acme).task
    lifecycle.lose(lost, made.WORKER, clock.now())
    change(session, lost, reason=None)
    assert len(invariants.ends(session)) == 1


def test_a_stop_that_nobody_asked_for_is_told(session: Session, cast: Cast) -> None:
    taken = made.started(cast.acme)
    lifecycle.stopped(taken.task, taken.lease, made.WORKER, clock.now(), End(260, reason="cancelled"))
    assert len(invariants.ends(session)) == 1


def test_a_wrong_count_is_told(session: Session, cast: Cast) -> None:
    session.add(Count(organization_id=cast.acme, status="failed", delta=2))
    session.flush()
    assert [each.text for each in invariants.counters(session)] == ["2 shown, 0 rows"]


def test_an_event_in_another_organization_is_told(session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    session.execute(sa.update(Event).where(Event.subject_id == task.id).values(organization_id=cast.globex))
    assert len(invariants.organizations(session)) == 1


def test_output_that_is_shorter_than_told_is_found(session: Session, cast: Cast, settings: Settings) -> None:
    task = made.ended(cast.acme)
    output.append(output.folder(settings.data, task.uuid), "stdout", 0, b"three\n")
    assert [each.text for each in invariants.outputs(session, settings.data)] == ["6 + 0 bytes kept, 0 + 0 told"]


def test_a_file_whose_bytes_are_gone_is_found(session: Session, cast: Cast, settings: Settings) -> None:
    facts = {"name": "a", "size": 3, "sha256": "", "created_at": clock.now()}
    session.add(File(organization_id=cast.acme, **facts))
    session.flush()
    assert [each.text for each in invariants.files(session, settings.data)] == ["gone, 3 bytes told"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells only there")
def test_a_process_that_outlives_its_task_is_found(session: Session, cast: Cast, settings: Settings) -> None:
    ended, running = made.ended(cast.acme), made.started(cast.acme).task
    with running_for(ended) as survivor, running_for(running):
        found = until(lambda: invariants.processes(session, settings.data))
    assert [each.subject for each in found] == [f"process {survivor}"]


@contextmanager
def running_for(task: Task) -> Iterator[int]:
    sleeper = [sys.executable, "-S", "-c", "input()"]
    with subprocess.Popen(sleeper, env=os.environ | {"MUSTER_TASK_ID": task.uuid}, stdin=subprocess.PIPE) as process:
        environment = Path(f"/proc/{process.pid}/environ")
        until(lambda: task.uuid.encode() in environment.read_bytes())
        yield process.pid
        process.kill()


def test_an_old_history_can_be_spared(session: Session, cast: Cast, settings: Settings) -> None:
    change(session, made.ended(cast.acme), retry_number=1)
    last = made.ended(cast.acme)
    assert invariants.newest(session, 1) == last.id
    assert invariants.check(session, settings.data, last.id) == []
    assert session.scalar(sa.select(sa.func.count()).select_from(Batch)) == 2


def test_doctor_says_so(session: Session, cast: Cast, settings: Settings) -> None:
    task = made.ended(cast.acme)
    session.commit()
    assert [finding.fine for finding in doctor.tasks(settings)] == [True]
    change(session, task, retry_number=1)
    session.commit()
    told = list(doctor.tasks(settings))
    assert [finding.fine for finding in told] == [False]
    assert told[0].text == f"chain {task.id}: 1 attempts up to number 1, 1 of them latest (Inv1)"
