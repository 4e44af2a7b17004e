"""A spec becomes tasks: how many, where, and what is refused before anything is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import writing_to
from webapp.tasks import launch, lifecycle, sweep
from webapp.tasks.models import Batch, Task
from webapp.tasks.spec import SpecError, parse


def test_a_list_of_inputs_makes_a_task_of_each_in_one_batch(session: Session, cast: Cast) -> None:
    tasks = made.tasks(cast.acme, ["a", "b", "c"])
    batch = session.get_one(Batch, tasks[0].batch_id)
    assert [task.input for task in tasks] == ["a", "b", "c"]
    assert (batch.total, batch.trigger, batch.created_by) == (3, "manual", "ann")


@pytest.mark.parametrize(("body", "field", "text"), [
    ({"data": {"plugin_id": "nope"}}, "data.plugin_id", 'There is no plugin "nope"'),
    ({"data": {}}, "data.plugin_id", "Choose a plugin"),
    ({"type": "dance", "data": {}}, "type", 'There is no task type "dance"'),
    ({"data": {"plugin_id": "tcp_ports", "input_data": "a.example", "kwargs": {"portz": 1}}}, "data.kwargs.portz", "Did you mean ports?"),
    ({"data": {"plugin_id": "demo"}, "optoins": {}}, "optoins", "Did you mean options?"),
    ({"data": {"plugin_id": "demo"}, "options": {"priority": 11}}, "options.priority", "from 0 to 10"),
    ({"data": {"plugin_id": "demo"}, "options": {"priority": True}}, "options.priority", "whole number"),
    ({"data": {"plugin_id": "demo"}, "options": {"execution_timeout": "soon"}}, "options.execution_timeout", "like 90s"),
    ({"data": {"plugin_id": "demo"}, "options": {"retry_on": ["timeuot"]}}, "options.retry_on", "Did you mean timeout?"),
    ({"data": {"plugin_id": "demo"}, "target": {"agents": []}}, "target.agents", "Select at least one agent"),
    ({"data": {"plugin_id": "demo"}, "target": {"agents": ["a"], "tags": ["b"]}}, "target", "Choose one of"),
    ({"type": "execute_command", "data": {"command": "  "}, "target": {"agents": "all"}}, "data.command", "Enter the command"),
    ({"type": "execute_command", "data": {"command": "x"}}, "target", "Anyone"),
    ({"type": "execute_command", "data": {"command": "x"}, "target": {"agents": ["ghost"]}}, "target.agents", 'no agent "ghost"'),
])  # fmt: skip
def test_what_cannot_be_used_is_told_at_its_field_and_nothing_is_written(
    session: Session, cast: Cast, body: dict[str, Any], field: str, text: str
) -> None:
    with pytest.raises(SpecError) as caught:
        made.launched(cast.acme, body)
    assert any(e["field"] == field and text in e["message"] for e in caught.value.errors), caught.value.errors
    session.rollback()
    assert session.scalar(sa.select(sa.func.count()).select_from(Task)) == 0
    assert session.scalar(sa.select(sa.func.count()).select_from(Batch)) == 0


def test_all_makes_one_task_for_each_agent_that_is_online_and_able(session: Session, cast: Cast) -> None:
    for name in ("a", "b"):
        made.agent(cast.acme, name)
    made.agent(cast.acme, "gone", last_seen_at=clock.now() - timedelta(hours=1))
    made.agent(cast.acme, "poor", capabilities=[])
    made.agent(cast.globex, "theirs")
    tasks = made.command(cast.acme, {"agents": "all"})
    assert sorted(task.agent_name for task in tasks) == ["a", "b"]


def test_all_with_nobody_there_waits_and_fans_out_when_somebody_comes(session: Session, cast: Cast) -> None:
    task = made.command(cast.acme, {"agents": "all"})[0]
    batch = session.get_one(Batch, task.batch_id)
    assert (task.status, task.agent_id, batch.total) == ("pending", None, None)
    for name in ("a", "b", "c"):
        made.agent(cast.acme, name)
    assert sweep.fan_out(clock.now()) == 1
    session.commit()
    session.refresh(batch)
    rows = session.scalars(sa.select(Task).where(Task.batch_id == batch.id)).all()
    assert sorted(row.agent_name for row in rows) == ["a", "b", "c"] and batch.total == 3
    assert sweep.fan_out(clock.now()) == 0


def test_tags_are_looked_for_when_the_task_is_due(session: Session, cast: Cast) -> None:
    later = clock.now() + timedelta(hours=1)
    task = made.command(cast.acme, {"tags": ["web", "prod"], "match": "all"}, not_before=later.isoformat())[0]
    assert (task.status, task.agent_id) == ("scheduled", None)
    made.agent(cast.acme, "half", tags=["web"], last_seen_at=later)
    made.agent(cast.acme, "whole", tags=["web", "prod"], last_seen_at=later)
    sweep.release_due(later)
    sweep.fan_out(later)
    session.commit()
    assert session.get_one(Task, task.id, populate_existing=True).agent_name == "whole"


def test_owner_is_the_other_systems_word_for_the_target() -> None:
    assert parse({"data": {}, "target": {"owner": "ALL"}}).target.kind == "all"
    assert parse({"data": {}, "target": {"owner": "Anyone"}}).target.kind == "anyone"
    assert parse({"data": {}, "target": {"owner": "web-1"}}).target.names == ("web-1",)


def test_rescheduling_makes_a_new_chain_with_the_same_spec(session: Session, cast: Cast) -> None:
    old = made.ended(cast.acme, 1, priority=7, execution_timeout=33)
    with writing_to(cast.acme):
        batch = launch.reschedule(old, made.ANN, clock.now())
    new = session.scalars(sa.select(Task).where(Task.batch_id == batch.id)).one()
    assert (new.data, new.priority, new.execution_timeout) == (old.data, 7, 33)
    assert (new.rescheduled_from_id, new.original_task_id, new.trigger) == (old.id, None, "reschedule")


def test_rescheduling_an_open_task_is_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(lifecycle.Refused, match="still Queued"):
        launch.reschedule(made.task(cast.acme), made.ANN, clock.now())
