"""Tasks over the API: what is sent really runs, what is answered is the contract's form."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Program
from tests.tasks import made
from webapp.rest import shapes
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task

CONTRACT = (
    "id", "type", "status", "data", "organization", "batch_id", "agent_id", "executor", "trigger", "priority",
    "created_at", "assigned_at", "started_at", "ended_at", "updated_at", "exit_code", "outcome", "result", "reason",
    "error", "traceback", "late", "retry_number", "max_retries", "original_task_id", "definition_id", "group_run_id",
    "schedule_id", "created_by", "note_count", "why",
)  # fmt: skip
DEMO = {"data": {"plugin_id": "demo", "input_data": "example.com"}}


def test_a_new_task_is_answered_as_itself(api, session: Session) -> None:  # type: ignore[no-untyped-def]
    answer = api().post("/tasks/", DEMO)
    assert answer.status_code == 201, answer.text
    task = answer.json
    assert tuple(task) == CONTRACT
    assert (task["type"], task["status"], task["trigger"], task["organization"]) == ("plugin", "pending", "api", "acme")
    assert task["data"] == {"plugin_id": "demo", "input_data": ["example.com"]}
    assert answer.headers["Location"] == f"/api/v1/tasks/{task['id']}/"
    assert task["created_at"].endswith("Z")


def test_it_is_there_for_a_worker(api, session: Session) -> None:  # type: ignore[no-untyped-def]
    task = api().post("/tasks/", DEMO).json
    assert made.claimed()[0].task.uuid == task["id"]
