"""What agents do, as their pages tell it: few rows are read, however many tasks there have been."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.plans import plans_of
from tests.tasks import made
from webapp.db import dialect
from webapp.tasks import of_agents


def test_what_waits_and_what_runs_is_told_oldest_first(session: Session, cast: Cast) -> None:
    agent = made.agent(cast.acme, "web-1")
    tasks = [made.command(cast.acme, {"agents": ["web-1"]})[0] for _ in range(3)]
    made.ended(cast.acme)
    assert [row.uuid for row in of_agents.held(agent.id, 2)] == [task.uuid for task in tasks[:2]]
    assert of_agents.on_agents([agent.id])[agent.id].queued == 3


def test_none_of_its_questions_walks_along_all_tasks(acme: Session) -> None:
    if dialect() != "sqlite":
        return  # PostgreSQL plans by the numbers of rows, and here there are none
    plans = plans_of(acme, lambda: (of_agents.on_agents([1, 2]), of_agents.held(1, 10)))
    assert plans and not [plan for plan in plans if plan.startswith("SCAN task") or "autoindex_task" in plan], plans
