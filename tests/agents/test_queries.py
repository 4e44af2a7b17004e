"""Lists of agents: filters, pages, counts, and what forms may choose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.agents import lifecycle, queries
from webapp.agents.models import Agent
from webapp.agents.queries import Filter
from webapp.agents.states import Presence, State
from webapp.db import scope_to
from webapp.events import SYSTEM

NOW = clock.now()


def agent(where: int, hostname: str, tags: list[str] | None = None, ago: int = 0, **facts: Any) -> Agent:
    row = made.agent(where, hostname, NOW, last_seen_at=NOW - timedelta(seconds=ago), **facts)
    lifecycle.set_tags(row, tags or [])
    return row


@pytest.fixture
def fleet(session: Session, cast: Cast) -> None:
    agent(cast.acme, "db-1", ["prod", "db"], 0, arch="arm64")
    agent(cast.acme, "db-2", ["test", "db"], 120)
    agent(cast.acme, "web-1", ["prod"], 300, note="Rack 4")
    agent(cast.acme, "web-2", [], 0, state=State.DISABLED)
    agent(cast.acme, "old-1", ["prod"], 0, state=State.REVOKED)
    made.agent(cast.acme, "new-1", NOW, last_seen_at=None)
    agent(cast.globex, "theirs", ["prod"])
    session.commit()
    scope_to([cast.acme], cast.acme)


def names(chosen: Filter) -> list[str]:
    return [row.hostname for row in queries.page(chosen, NOW, 100).agents]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), ["db-1", "db-2", "new-1", "web-1", "web-2"]),
        (Filter(removed=True), ["db-1", "db-2", "new-1", "old-1", "web-1", "web-2"]),
        (Filter(presence=frozenset({Presence.ONLINE})), ["db-1", "web-2"]),
        (Filter(presence=frozenset({Presence.STALE, Presence.OFFLINE})), ["db-2", "web-1"]),
        (Filter(presence=frozenset({Presence.NEVER})), ["new-1"]),
        (Filter(states=frozenset({State.DISABLED, State.REVOKED})), ["old-1", "web-2"]),
        (Filter(tags=("prod",)), ["db-1", "web-1"]),
        (Filter(tags=("prod", "db")), ["db-1", "db-2", "web-1"]),
        (Filter(tags=("prod", "db"), match="all"), ["db-1"]),
        (Filter(arch=("arm64",)), ["db-1"]),
        (Filter(arch=("arm64", "amd64"), os=("linux", "darwin")), ["db-1", "db-2", "new-1", "web-1", "web-2"]),
        (Filter(q="rack"), ["web-1"]),
        (Filter(q="DB"), ["db-1", "db-2"]),
        (Filter(q="%"), []),
        (Filter(q="web", presence=frozenset({Presence.ONLINE})), ["web-2"]),
        (Filter(capability="execute_test"), ["db-1", "db-2", "new-1", "web-1", "web-2"]),
        (Filter(capability="run_as"), []),
    ],
)
def test_a_filter_selects(fleet: None, chosen: Filter, expected: list[str]) -> None:
    assert names(chosen) == expected
    assert queries.count(chosen, NOW) == len(expected) == len(queries.all_of(chosen, NOW))


def test_pages_go_on_and_back(session: Session, cast: Cast) -> None:
    for number in range(7):
        agent(cast.acme, f"host-{number // 2}")  # names come twice
    session.commit()
    first = queries.page(Filter(), NOW, 3)
    second = queries.page(Filter(), NOW, 3, after=first.older)
    third = queries.page(Filter(), NOW, 3, after=second.older)
    seen = [row.id for page in (first, second, third) for row in page.agents]
    assert len(set(seen)) == len(seen) == 7
    assert first.newer is None and third.older is None
    assert [row.id for row in queries.page(Filter(), NOW, 3, before=second.newer).agents] == seen[:3]
    assert queries.page(Filter(), NOW, 3, before=second.newer).newer is None


@pytest.mark.parametrize("cursor", ["", "x", "9.", ".a", "١.b"])
def test_a_made_up_cursor_does_no_harm(fleet: None, cursor: str) -> None:
    queries.page(Filter(), NOW, 3, after=cursor)
    queries.page(Filter(), NOW, 3, before=cursor)


def test_presences_are_counted(fleet: None) -> None:
    assert queries.presences(NOW) == {"online": 2, "stale": 1, "offline": 1, "never": 1}


def test_tags_in_use_with_their_numbers(fleet: None) -> None:
    assert queries.tags_in_use()[:2] == [("prod", 3), ("db", 2)]
    assert queries.tags_in_use(q="te") == [("test", 1)]


def test_the_selector_keeps_what_is_ticked(fleet: None, cast: Cast, session: Session) -> None:
    ticked = queries.named(["web-1"], cast.acme)[0][0].uuid
    rows, more = queries.options("db", organization_id=cast.acme, now=NOW, checked=[ticked], limit=2)
    assert ([row.hostname for row in rows], more) == (["web-1", "db-1"], 1)
    rows, more = queries.options(online=True, organization_id=cast.acme, now=NOW)
    assert ([row.hostname for row in rows], more) == (["db-1"], 0)


def test_what_all_means(fleet: None, cast: Cast) -> None:
    assert [row.hostname for row in queries.online(NOW, cast.acme)] == ["db-1"]


def test_a_disabled_agent_can_be_named_and_a_revoked_one_not(fleet: None, cast: Cast) -> None:
    found, unknown = queries.named(["web-2", "old-1", "theirs"], cast.acme)
    assert ([row.hostname for row in found], unknown) == (["web-2"], ["old-1", "theirs"])


def test_an_agents_history_and_chart(session: Session, cast: Cast) -> None:
    row = agent(cast.acme, "web-1")
    for number in range(3):
        lifecycle.edit(row, SYSTEM, NOW, note=f"note {number}", instance="")
    newest = queries.events_of(row, 2)
    assert len(newest) == 2 and newest[0].id > newest[1].id
    assert len(queries.events_of(row, 10, before=newest[1].id)) == 1
    assert queries.samples(row, NOW) == []


def test_values_to_filter_by(fleet: None) -> None:
    assert queries.values("arch") == ["amd64", "arm64"]
