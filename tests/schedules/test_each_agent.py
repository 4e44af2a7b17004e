"""A random time of its own for each agent: one a day, within the window, each agent once."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from tests.tasks import made as tasks
from webapp.agents.models import Agent
from webapp.calendars import lifecycle
from webapp.calendars.days import Day
from webapp.db import within
from webapp.schedules import coming
from webapp.schedules.models import Schedule

MORNING = at("2026-11-23T08:00")
RANDOM = {"kind": "random", "per": "agent"}
COMMAND = {"type": "execute_command", "data": {"command": "true"}}


def fleet(session: Session, cast: Cast, *names: str) -> list[Agent]:
    return [tasks.agent(cast.acme, name, now=MORNING) for name in names]


def each(cast: Cast, target: dict) -> Schedule:
    return made.schedule(cast.acme, RANDOM, MORNING, spec=COMMAND | {"target": target}, overlap="allow")


def through_the_day(session: Session, agents: list[Agent], day: str = "2026-11-23") -> None:
    for minute in range(0, 12 * 60, 5):
        now = at(f"{day}T08:00") + timedelta(minutes=minute)
        for agent in agents:
            agent.last_seen_at = now
        session.commit()
        made.ticked(now)


def test_each_agent_has_its_own_time_once_a_day(session: Session, cast: Cast) -> None:
    agents = fleet(session, cast, "a", "b", "c", "d")
    schedule = each(cast, {"agents": "all"})
    through_the_day(session, agents)
    rows = made.slots(schedule)
    assert sorted(row.agent for row in rows) == sorted(agent.uuid for agent in agents)
    assert {row.end for row in rows} == {"fired"}
    assert all(at("2026-11-23T09:00") <= row.at <= at("2026-11-23T17:00") for row in rows)
    assert len({row.at for row in rows}) > 1
    assert sorted(task.agent_name for task in made.tasks(schedule)) == ["a", "b", "c", "d"]


def test_the_next_run_is_the_first_of_all(session: Session, cast: Cast) -> None:
    agents = fleet(session, cast, "a", "b", "c")
    schedule = each(cast, {"agents": [agent.uuid for agent in agents]})
    shown = schedule.next_run_at
    through_the_day(session, agents)
    assert made.slots(schedule)[0].at == shown


def test_what_is_shown_to_come_is_what_comes_to_each(session: Session, cast: Cast) -> None:
    agents = fleet(session, cast, "a", "b", "c")
    schedule = each(cast, {"agents": [agent.uuid for agent in agents]})
    shown = [(turn["when"], turn["agent"]) for turn in coming.ahead(schedule, MORNING)]
    assert shown == sorted(shown) and {name for _, name in shown[:3]} == {"a", "b", "c"}
    names = {agent.uuid: agent.hostname for agent in agents}
    through_the_day(session, agents)
    assert [(row.at, names[row.agent]) for row in made.slots(schedule)] == shown[:3]


def test_a_day_off_of_all_is_told_once(session: Session, cast: Cast) -> None:
    with within(cast.acme):
        calendar = lifecycle.create(lifecycle.Draft("Closed", "skip", [5, 6]), made.ANN, MORNING)
        lifecycle.add(calendar, [Day(date(2026, 11, 24), "Inventory")], lifecycle.OWN, made.ANN, MORNING)
    agents = fleet(session, cast, "a", "b", "c")
    target = COMMAND | {"target": {"agents": [agent.uuid for agent in agents]}}
    schedule = made.schedule(cast.acme, RANDOM, MORNING, spec=target, calendar="Closed")
    shown = coming.ahead(schedule, MORNING, 7)
    assert [turn["skipped"] for turn in shown] == [None] * 3 + ["holiday"] + [None] * 3


def test_one_that_is_away_is_skipped_with_the_reason(session: Session, cast: Cast) -> None:
    present, away = fleet(session, cast, "here", "gone")
    schedule = each(cast, {"agents": "all"})
    through_the_day(session, [present])
    ends = {row.agent: (row.end, row.reason) for row in made.slots(schedule)}
    assert ends == {present.uuid: ("fired", None), away.uuid: ("skipped", "agent_offline")}


def test_one_that_is_named_has_its_task_wait_for_it(session: Session, cast: Cast) -> None:
    (away,) = fleet(session, cast, "gone")
    schedule = each(cast, {"agents": [away.uuid]})
    through_the_day(session, [])
    assert [task.status for task in made.tasks(schedule)] == ["pending"]


def test_one_that_joins_later_is_not_forgotten(session: Session, cast: Cast) -> None:
    first = fleet(session, cast, "first")
    schedule = each(cast, {"agents": "all"})
    made.ticked(MORNING)
    late = tasks.agent(cast.acme, "late", now=at("2026-11-23T08:30"))
    through_the_day(session, [*first, late])
    assert sorted(task.agent_name for task in made.tasks(schedule)) == ["first", "late"]


def test_with_nobody_there_it_waits_for_somebody(session: Session, cast: Cast) -> None:
    schedule = each(cast, {"tags": ["web"]})
    made.ticked(MORNING)
    assert (made.fresh(schedule).status, schedule.next_run_at) == ("active", None)
    agent = tasks.agent(cast.acme, "web-1", now=MORNING, tags=["web"])
    through_the_day(session, [agent])
    assert len(made.tasks(schedule)) == 1
