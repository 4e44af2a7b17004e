"""Verbs on tasks from a terminal: named ones, and all that match a filter line."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.commands.conftest import Muster
from tests.rest.conftest import Api
from tests.tasks import made
from webapp.tasks.models import Task

pytestmark = pytest.mark.one_database


def status(session: Session, task: Task) -> str:
    session.commit()
    session.refresh(task)
    return task.status


def test_cancel(muster: Muster, session: Session, cast: Cast) -> None:
    task, running, ended = made.task(cast.acme, priority=0), None, made.ended(cast.acme)
    running = made.started(cast.acme).task
    session.commit()
    answer = muster("cancel", task.uuid[:8], running.uuid)
    assert answer.returncode == 0
    assert answer.stdout.splitlines() == [f"{task.uuid[:8]} cancelled", f"{running.uuid[:8]} is asked to stop"]
    refused = muster("cancel", ended.uuid)
    assert refused.returncode == 1 and "finished before it could be cancelled" in refused.stderr


def test_cancel_by_a_filter_asks_first(muster: Muster, session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b"])
    session.commit()
    assert muster("cancel", "-q", "plugin:demo", stdin="n\n").returncode == 1
    answer = muster("cancel", "-q", "plugin:demo", "--yes")
    assert (answer.returncode, answer.stdout) == (0, "2 cancelled or asked to stop\n")
    assert muster("cancel", "-q", "plugin:demo").stdout == "No open task matches\n"


def test_a_filter_that_names_a_status_reaches_no_other(muster: Muster, session: Session, cast: Cast) -> None:
    """Two statuses in a line mean either of them: the verb's own must narrow the line, not widen it."""
    running = made.started(cast.acme).task
    waiting = made.task(cast.acme)
    session.commit()
    assert muster("cancel", "-q", "status:pending", "--yes").stdout == "1 cancelled or asked to stop\n"
    assert status(session, waiting) == "cancelled"
    assert status(session, running) == "executing" and running.cancel_requested_at is None
    assert muster("cancel", "-q", "status:failed").stdout == "No open task matches\n"


def test_failed_tasks_are_tried_again(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    failed, other = made.ended(cast.acme, 1), made.ended(cast.acme)
    session.commit()
    again = api().get(f"/tasks/{muster('retry', failed.uuid[:8]).stdout.strip()}/").json
    assert (again["retry_number"], again["original_task_id"]) == (1, failed.uuid)
    refused = muster("retry", other.uuid)
    assert (refused.returncode, refused.stdout) == (1, "") and other.uuid[:8] in refused.stderr
    made.ended(cast.acme, 1)
    session.commit()
    assert "Retry 1 failed task?" in muster("retry", "-q", "plugin:demo", stdin="n\n").stdout


def test_what_has_ended_runs_once_more(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    ended = made.ended(cast.acme)
    session.commit()
    again = api().get(f"/tasks/{muster('reschedule', ended.uuid).stdout.strip()}/").json
    assert (again["trigger"], again["retry_number"], again["data"]) == ("reschedule", 0, ended.data)


def test_deleting_takes_the_right_to(muster: Muster, api: Api, session: Session, cast: Cast) -> None:
    ended, waiting = made.ended(cast.acme), made.task(cast.acme)
    session.commit()
    assert muster("delete", ended.uuid).returncode == 4
    token = api("admin").token
    assert muster("delete", ended.uuid, MUSTER_TOKEN=token).stdout == f"{ended.uuid[:8]} deleted\n"
    assert muster("delete", waiting.uuid, MUSTER_TOKEN=token).returncode == 1
    assert muster("delete", ended.uuid, MUSTER_TOKEN=token).returncode == 3
