"""Why is this waiting? Each reason in words, the one that decides first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.tasks.models import Limit, Task
from webapp.tasks.why import why


def codes(task: Task, **facts: Any) -> list[str]:
    return [each.code for each in why(task, clock.now(), **facts)]


def test_not_due_until(session: Session, cast: Cast) -> None:
    due = clock.now() + timedelta(hours=1)
    task = made.task(cast.acme, not_before=due.isoformat())
    assert [(each.code, each.at) for each in why(task, clock.now())] == [("not_due", due)]


def test_the_queue_before_it_and_no_worker(session: Session, cast: Cast) -> None:
    made.tasks(cast.acme, ["a", "b"])
    task = made.task(cast.acme)
    assert why(task, clock.now(), workers_alive=1)[0].text == "The queue has 2 tasks before it"
    assert codes(task, workers_alive=0) == ["no_worker"]


@pytest.mark.parametrize(("facts", "code"), [
    ({"last_seen_at": None}, "agent_never_seen"),
    ({"last_seen_at": clock.now() - timedelta(hours=1)}, "agent_offline"),
    ({"running": 4, "capacity": 4}, "agent_busy"),
    ({"spooled": 3}, "agent_spool"),
])  # fmt: skip
def test_one_agent(session: Session, cast: Cast, facts: dict[str, Any], code: str) -> None:
    made.agent(cast.acme, "web-1", **facts)
    assert codes(made.command(cast.acme, {"agents": ["web-1"]})[0]) == [code]


def test_nobody_matches(session: Session, cast: Cast) -> None:
    everyone = made.command(cast.acme, {"agents": "all"})[0]
    tagged = made.command(cast.acme, {"tags": ["x", "y"], "match": "all"})[0]
    anyone = made.command(cast.acme, {"agents": "anyone"})[0]
    texts = [why(task, clock.now())[0].text for task in (everyone, tagged, anyone)]
    assert texts == ["No agent is online", "No agent matches tags x and y now", "No agent is online"]


def test_a_limit_that_is_reached(session: Session, cast: Cast) -> None:
    session.add(Limit(organization_id=cast.acme, name="db", maximum=1))
    session.commit()
    made.tasks(cast.acme, ["a", "b"], limit="db")
    made.claimed()
    waiting = made.task(cast.acme, limit="db")
    assert why(waiting, clock.now())[0].text == "The limit db allows 1 at once, and 1 run"


def test_what_runs_or_has_ended_waits_for_nothing(session: Session, cast: Cast) -> None:
    assert codes(made.ended(cast.acme)) == []
