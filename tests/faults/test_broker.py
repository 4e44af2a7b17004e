"""The broker may be absent, vanish, or forget everything: that costs time and no task."""

from __future__ import annotations

from tests.faults.conftest import Faulty
from tests.workers.processes import until
from webapp import queue

BACKLOG = 200


def test_tasks_run_though_no_broker_was_ever_there(site: Faulty) -> None:
    site.start_part("worker-1")
    until(lambda: "looking into the database" in site.text())
    uuid = site.launch("without a broker")[0]
    site.becomes(uuid, "completed")
    assert len(site.marks()) == 1


def test_an_idle_worker_notices_that_the_broker_is_gone(site: Faulty) -> None:
    site.start_broker()
    site.start_part("worker-1")
    site.becomes(site.launch("with a broker")[0], "completed")
    site.kill_broker(empty=True)
    site.becomes(site.launch("without a broker")[0], "completed")
    site.start_broker()
    until(lambda: queue.length() is not None)  # after a failure this process does not try for a moment
    site.becomes(site.launch("with an empty broker")[0], "completed")
    assert len(site.marks()) == 3


def test_a_flush_in_front_of_a_backlog_loses_nothing(site: Faulty) -> None:
    site.start_broker()
    uuids = site.launch(*(f"task {number}" for number in range(BACKLOG)))
    site.start_part("worker-1")
    site.start_part("loops")
    until(lambda: len(site.marks()) >= 10)
    line = queue.client(site.settings)
    line.flushall()
    line.close()
    until(lambda: not site.open(), 60)
    assert {task.status for task in site.tasks()} == {"completed"}
    assert sorted(mark.uuid for mark in site.marks()) == sorted(uuids)
