"""The scheduler on stored schedules: each due slot ends once, with tasks or with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from webapp.crash import Crash
from webapp.db import db, system_scope
from webapp.events import Event
from webapp.plugins.models import PluginSetting
from webapp.schedules import tick
from webapp.schedules.models import Schedule, Slot
from webapp.tasks.models import Task

MORNING = at("2026-11-23T08:00")
NINE = {"kind": "times", "at": ["09:00"]}
SECOND = timedelta(seconds=1)


def events_of(schedule: Schedule) -> list[str]:
    kinds = sa.select(Event.kind).where(Event.subject == "schedule", Event.subject_id == schedule.id)
    return list(db.session.scalars(kinds.order_by(Event.id)))


def test_a_due_slot_starts_its_tasks_once(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    assert daily.due_at == at("2026-11-23T09:00")
    assert made.ticked(at("2026-11-23T08:59")) == 0
    made.ticked(*[at("2026-11-23T09:00") + SECOND * number for number in range(5)])
    assert made.ends(daily) == [("11-23T09:00", "fired", None)]
    (task,) = made.tasks(daily)
    assert (task.trigger, task.created_by, task.status) == ("schedule", daily.name, "pending")
    assert task.slot_id == made.slots(daily)[0].id
    assert made.fresh(daily).due_at == at("2026-11-24T09:00")


def test_a_slot_is_for_the_organisation_of_its_schedule_alone(session: Session, cast: Cast) -> None:
    """Another organisation that has switched the plugin off has no say."""
    session.add(PluginSetting(organization_id=cast.globex, plugin_id="demo", enabled=False))
    session.commit()
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    assert [task.organization_id for task in made.tasks(daily)] == [cast.acme]


def test_one_broken_schedule_of_ten_stops_no_other(session: Session, cast: Cast) -> None:
    ten = [made.schedule(cast.acme, NINE, MORNING, name=f"Number {number}") for number in range(10)]
    ten[3].rule = {"kind": "nonsense"}
    session.commit()
    made.ticked(at("2026-11-23T09:00"))
    assert [len(made.tasks(each)) for each in ten] == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    broken = made.fresh(ten[3])
    assert (broken.status, broken.due_at) == ("error", None)
    assert 'no rule of kind "nonsense"' in broken.reason
    assert events_of(broken) == ["schedule.created", "schedule.error"]


def test_a_fault_in_the_middle_leaves_nothing_of_that_schedule(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = {"kind": "interval", "every": "30m"}  # of which two slots are due, so each is settled by itself
    first, second = (made.schedule(cast.acme, twice, MORNING, name=name) for name in ("First", "Second"))
    monkeypatch.setattr("webapp.crash._left", {})
    monkeypatch.setenv("MUSTER_FAULT_POINT", "fired:1:raise")
    made.ticked(at("2026-11-23T09:00"))
    assert (made.tasks(first), made.slots(first), made.fresh(first).status) == ([], [], "error")
    assert Crash.__name__ in first.reason
    assert len(made.tasks(second)) == 1


def test_what_cannot_be_launched_is_missed_with_the_reason_and_tried_again_at_the_next_slot(
    session: Session, cast: Cast
) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    off = PluginSetting(organization_id=cast.acme, plugin_id="demo", enabled=False)
    session.add(off)
    session.commit()
    made.ticked(at("2026-11-23T09:00"))
    (slot,) = made.slots(daily)
    assert (slot.end, slot.reason) == ("missed", "refused") and "not enabled" in slot.text
    assert events_of(daily)[-1] == "schedule.missed"
    session.delete(off)
    session.commit()
    made.ticked(at("2026-11-24T09:00"))
    assert [slot.end for slot in made.slots(daily)] == ["missed", "fired"]


def test_many_that_are_due_are_taken_in_bites_the_longest_due_first(session: Session, cast: Cast) -> None:
    late = made.schedule(cast.acme, {"kind": "times", "at": ["09:05"]}, MORNING)
    early = made.schedule(cast.acme, NINE, MORNING)
    with system_scope("test"):
        assert tick.tick(at("2026-11-23T09:06"), most=1) == 1
        session.commit()
        assert (len(made.tasks(early)), len(made.tasks(late))) == (1, 0)
        assert tick.tick(at("2026-11-23T09:06"), most=1) == 1
        assert tick.tick(at("2026-11-23T09:06"), most=1) == 0


def test_a_clock_that_goes_back_fires_nothing_twice(session: Session, cast: Cast) -> None:
    often = made.schedule(cast.acme, {"kind": "interval", "every": "10m"}, MORNING, overlap="allow")
    made.ticked(*[MORNING + timedelta(minutes=minute) for minute in (10, 20, 30)])
    made.ticked(*[MORNING + timedelta(minutes=minute) for minute in (5, 10, 15, 20, 25, 30)])
    assert [slot.end for slot in made.slots(often)] == ["fired"] * 3
    made.ticked(MORNING + timedelta(minutes=40))
    assert len(made.tasks(often)) == 4


def test_a_slot_that_another_scheduler_has_settled_is_left_alone(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    daily.last_slot_at, daily.due_at = MORNING, at("2026-11-23T09:00")  # as one sees it that was too slow
    session.commit()
    made.ticked(at("2026-11-23T09:00:01"))
    assert len(made.tasks(daily)) == 1 and len(made.slots(daily)) == 1


def test_once_is_completed_by_its_run_and_the_task_goes_on(session: Session, cast: Cast) -> None:
    once = made.schedule(cast.acme, {"kind": "once", "at": "2026-11-23T09:30"}, MORNING)
    made.ticked(at("2026-11-23T09:30"))
    assert (made.fresh(once).status, once.due_at, once.next_run_at) == ("completed", None, None)
    assert [task.status for task in made.tasks(once)] == ["pending"]
    assert events_of(once) == ["schedule.created", "schedule.completed"]


def test_at_its_end_it_completes_by_itself_and_what_has_not_started_expires(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, end="2026-11-24T12:00")
    made.ticked(at("2026-11-23T09:00"), at("2026-11-24T09:00"))
    assert (made.fresh(daily).status, daily.next_run_at) == ("active", None)
    made.ticked(at("2026-11-24T12:00"))
    assert made.fresh(daily).status == "completed"
    assert [slot.end for slot in made.slots(daily)] == ["fired", "skipped"], "the first one was still queued"
    (task,) = made.tasks(daily)
    assert task.status == "expired"
    assert made.ticked(at("2026-11-25T09:00")) == 0


def test_a_window_that_is_over_starts_nothing_late(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, end="2026-11-23T09:10")
    made.ticked(at("2026-11-23T09:30"))
    assert made.ends(daily) == [("11-23T09:00", "missed", "too_late")]
    assert (made.tasks(daily), made.fresh(daily).status) == ([], "completed")


def test_an_idle_tick_reads_one_index_and_writes_nothing(session: Session, cast: Cast) -> None:
    made.schedule(cast.acme, NINE, MORNING)
    seen: list[str] = []
    with db.engine.connect() as connection:
        plan = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")
        query = "SELECT id FROM schedule WHERE due_at <= '2026-11-23 08:30:00' ORDER BY due_at LIMIT 200"
        seen = [str(row) for row in connection.exec_driver_sql(f"{plan} {query}")]
    assert "ix_schedule_due" in " ".join(seen)
    before = session.scalar(sa.select(sa.func.count()).select_from(Event))
    assert made.ticked(at("2026-11-23T08:30")) == 0
    assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == before
    assert session.scalar(sa.select(sa.func.count()).select_from(Slot)) == 0


def test_a_host_that_is_gone_does_not_stop_the_others(session: Session, cast: Cast) -> None:
    from tests.tasks import made as hosts

    agents = [hosts.agent(cast.acme, name, now=MORNING) for name in ("web-1", "web-2")]
    command = {
        "type": "execute_command",
        "data": {"command": "true"},
        "target": {"agents": [agent.uuid for agent in agents]},
    }
    daily = made.schedule(cast.acme, NINE, MORNING, spec=command)
    agents[0].deleted_at = MORNING
    session.commit()
    made.ticked(at("2026-11-23T09:00"))
    assert [task.agent_name for task in made.tasks(daily)] == ["web-2"]
    assert "There is no agent" in made.slots(daily)[0].text


def test_the_schedules_tasks_are_found_by_their_schedule(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    assert session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.schedule_id == daily.id)) == 1
