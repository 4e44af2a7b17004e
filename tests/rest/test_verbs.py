"""Verbs on one task: each does what its button does, tells who did it, and refuses with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.access.models import Audit
from webapp.events import Event
from webapp.tasks.states import Status

VERBS = ("cancel", "run-now", "retry", "reschedule", "restore")


def later() -> str:
    return (clock.now() + timedelta(hours=1)).isoformat()


def test_cancel_withdraws_what_waits(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    assert api().post(f"/tasks/{task.uuid}/cancel").json["status"] == "cancelled"
    who = session.scalars(sa.select(Event.actor).where(Event.subject_id == task.id, Event.after == "cancelled")).one()
    assert who.startswith("oscar/")
    assert session.scalars(sa.select(Audit.action).where(Audit.action == "api.verbs.cancel")).all()


def test_cancel_asks_what_runs_to_stop(api: Api, session: Session, cast: Cast) -> None:
    task = made.started(cast.acme).task
    assert api().post(f"/tasks/{task.uuid}/cancel/").json["status"] == "executing"
    session.refresh(task)
    assert task.cancel_requested_by.startswith("oscar/")


def test_cancel_of_what_has_ended_is_refused_with_its_state(api: Api, session: Session, cast: Cast) -> None:
    refused = api().post(f"/tasks/{made.ended(cast.acme).uuid}/cancel")
    assert refused.status_code == 409 and refused.content_type == "application/problem+json"
    assert refused.json["reason"] == "final"
    assert refused.json["detail"] == "This task finished before it could be cancelled. It is now Completed"


def test_run_now_starts_what_was_scheduled(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme, not_before=later())
    answer = api().post(f"/tasks/{task.uuid}/run-now")
    assert (answer.status_code, answer.json["status"], answer.json["priority"]) == (200, "pending", 11)


def test_retry_answers_with_the_next_attempt(api: Api, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme, exit_code=1)
    answer = api().post(f"/tasks/{task.uuid}/retry")
    assert answer.status_code == 201 and answer.headers["Location"] == f"/api/v1/tasks/{answer.json['id']}/"
    assert (answer.json["retry_number"], answer.json["original_task_id"]) == (1, task.uuid)
    assert api().post(f"/tasks/{task.uuid}/retry").json["reason"] == "superseded"


def test_reschedule_answers_with_a_new_chain(api: Api, session: Session, cast: Cast) -> None:
    task = made.ended(cast.acme)
    answer = api().post(f"/tasks/{task.uuid}/reschedule")
    assert (answer.status_code, answer.json["trigger"], answer.json["retry_number"]) == (201, "reschedule", 0)
    assert answer.json["original_task_id"] is None and answer.json["data"] == task.data


@pytest.mark.parametrize("verb", VERBS)
def test_another_tenants_task_is_not_there(api: Api, session: Session, cast: Cast, verb: str) -> None:
    task = made.task(cast.acme)
    assert api("foreign").post(f"/tasks/{task.uuid}/{verb}").status_code == 404
    session.refresh(task)
    assert task.status == Status.PENDING


@pytest.mark.parametrize("verb", VERBS)
def test_a_viewer_only_looks(api: Api, session: Session, cast: Cast, verb: str) -> None:
    task = made.task(cast.acme)
    refused = api("viewer").post(f"/tasks/{task.uuid}/{verb}")
    assert refused.status_code == 403 and refused.json["title"] == "You may not do this"
    session.refresh(task)
    assert task.status == Status.PENDING
