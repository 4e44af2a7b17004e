"""However a filter is asked for – by the few that it leaves, by the order of the list, in parts – it finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.agents.models import AgentTag
from webapp.db import db
from webapp.tasks import queries
from webapp.tasks.lists import batches, filters, matching, singles
from webapp.tasks.lists.filters import Filter
from webapp.tasks.models import Task

QUERIES = (
    "", "status=failed", "status=failed&status=completed", "type=execute_command", "type=execute_command&type=plugin",
    "plugin=demo&status=pending", "plugin=none", "plugin=de*", "by=ann", "by=bob", "trigger=manual&type=plugin",
    "trigger=adhoc", "reason=exit_code", "reason=exit_code&status=completed", "agent=web-1", "agent=none", "agent=w*",
    "tag=blue", "tag=green", "tag=red", "tag=blue&status=pending", "tag=blue&tag=green", "owner=web-1", "owner=ANN",
    "owner=ann", "owner=nobody", "owner=anyone", "owner=nobody&owner=web-1", "org=acme", "org=globex", "org=none",
    "limit=one", "limit=none", "since=1h", "since=1h&status=failed", "until=1h", "outcome=error", "mentions=ann",
)  # fmt: skip


@pytest.fixture
def tasks(session: Session, cast: Cast) -> list[Task]:
    host = made.agent(cast.acme, "web-1")
    session.add(AgentTag(organization_id=cast.acme, agent_id=host.id, tag="blue"))
    anyone = made.command(cast.acme, {"agents": "anyone"})
    on_host = made.command(cast.acme, {"agents": ["web-1"]}, tags=["blue", "green"])
    here = made.tasks(cast.acme, ["a", "b"], tags=["green"], limit="one")
    theirs = made.tasks(cast.globex, ["a"], tags=["green"])
    ended = [made.ended(cast.acme), made.ended(cast.acme, 1)]
    return [*anyone, *on_host, *here, *theirs, *ended]


@pytest.mark.parametrize("few", [1, 3, 5_000])
def test_each_way_finds_what_the_conditions_say(tasks: list[Task], monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(matching, "FEW", few)
    for query in QUERIES:
        chosen = filters.parse(MultiDict(parse_qsl(query)), clock.now())
        expected = plainly(chosen)
        assert queries.ids(chosen) == [task.uuid for task in expected], query
        assert queries.count(chosen) == len(expected), query
        wanted = list(dict.fromkeys(task.batch_id for task in reversed(expected)))
        assert [line.batch.id for line in batches.page(chosen, 50).lines] == sorted(wanted, reverse=True), query
        newest = sorted(((task.batch_id, task.id) for task in expected), reverse=True)
        assert list(singly(chosen)) == [task_id for _, task_id in newest], query


def test_what_matches_nothing_is_known_at_once(tasks: list[Task]) -> None:
    assert matching.in_order(Filter(owner=("nobody",), status=("failed",))) == []


def singly(chosen: Filter) -> Iterator[int]:
    """Page by page, there and back."""
    page = singles.page(chosen, "none", 2)
    while True:
        ids = [task.id for group in page.groups for task in group.tasks]
        yield from ids
        if page.older is None:
            return
        older = singles.page(chosen, "none", 2, after=page.older)
        assert singles.page(chosen, "none", 2, before=older.newer).groups == page.groups
        page = older


def plainly(chosen: Filter) -> list[Task]:
    every = sa.select(Task).where(Task.latest.is_(True), *matching.where(chosen)).order_by(Task.id)
    return list(db.session.scalars(every))
