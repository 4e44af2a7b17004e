"""A worker dies, sleeps through its lease, or must stop a task that will not: real processes, and none stays."""

from __future__ import annotations

import signal

import sqlalchemy as sa

from tests.faults.conftest import BY, Faulty
from tests.workers.processes import alive, until
from webapp import clock
from webapp.processes import survivors
from webapp.tasks import lifecycle
from webapp.tasks.models import LateResult, Task


def running(site: Faulty, **kwargs: object) -> str:
    """A task that has begun, in a worker of the site."""
    uuid = site.launch("long", **{"lines": 600, "seconds": 600} | kwargs)[0]
    site.start_part("worker-1")
    until(site.marks)
    return uuid


def processes(uuid: str) -> list[int]:
    return [pid for pid, task in survivors.of_tasks() if task == uuid and alive(pid)]


def test_a_killed_worker_takes_its_task_along_and_the_task_says_so(site: Faulty) -> None:
    uuid = running(site, options={"max_retries": 1})
    site.kill("worker-1")
    until(lambda: not processes(uuid))
    site.minutes_pass()
    task, retry = site.tasks()
    assert (task.status, task.reason, task.exit_code, task.outcome_known) == ("failed", "worker_lost", 261, False)
    assert (retry.status, retry.original_task_id, retry.retry_number) == ("scheduled", task.id, 1)


def test_a_worker_that_slept_through_its_lease_brings_late_news(site: Faulty) -> None:
    uuid = running(site, lines=1, seconds=0.5)
    site.freeze("worker-1")
    until(lambda: site.marks("end"))
    site.minutes_pass()
    assert site.task(uuid).reason == "worker_lost"
    site.thaw("worker-1")
    task = site.becomes(uuid, "completed")
    assert (task.late, task.outcome_known, task.reason) == (True, True, None)
    with site.unit() as session:
        assert session.scalars(sa.select(LateResult.resolved)).all() == [True]


def test_a_worker_that_is_told_to_stop_hands_nothing_over_silently(site: Faulty) -> None:
    uuid = running(site, lines=1, seconds=1)
    site.kill("worker-1", signal.SIGTERM)
    assert site.becomes(uuid, "completed").exit_code == 0
    assert site.processes["worker-1"].wait(30) == 0


def test_nothing_of_a_cancelled_task_stays(site: Faulty) -> None:
    """It ignores SIGTERM, and has children that were forked twice into sessions of their own and ignore it too."""
    uuid = running(site, stubborn=True, children=2)
    assert len(processes(uuid)) == 3
    with site.unit(reading=False) as session:
        lifecycle.cancel(session.scalars(sa.select(Task).where(Task.uuid == uuid)).one(), BY, clock.now())
    assert site.becomes(uuid, "terminated").outcome_known
    assert not processes(uuid)


def test_what_no_shim_looks_after_any_more_is_ended_by_the_next_worker(site: Faulty) -> None:
    uuid = running(site, stubborn=True, children=1)
    site.kill_pids(site.family("worker-1"))
    assert processes(uuid)
    site.start_part("worker-2")
    until(lambda: not processes(uuid))
