"""Many plain schedules that are due at once start together, and each as if it were alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import at
from tests.tasks import made as hosts
from webapp.db import within
from webapp.events import Event
from webapp.schedules import engine, plans, slots, tick
from webapp.schedules.models import Slot
from webapp.schedules.plan import Slot as Moment
from webapp.schedules.states import End
from webapp.tasks.models import Task

MORNING, NINE = at("2026-11-23T08:00"), at("2026-11-23T09:00")
DAILY = {"kind": "times", "at": ["09:00"]}


def facts(session: Session, task: Task) -> dict[str, object]:
    """All that a task says of itself, but for what tells one from another."""
    own = {"id", "uuid", "batch_id", "schedule_id", "slot_id", "created_by"}
    row = {name: getattr(task, name) for name in [column.key for column in Task.__table__.columns] if name not in own}
    event = session.scalars(sa.select(Event).where(Event.subject == "task", Event.subject_id == task.id)).one()
    return row | {
        "event": (event.kind, event.actor_kind, event.after),
        "batch": (task.batch.what, task.batch.total, task.batch.spec),
    }


def test_each_is_as_if_it_were_alone(session: Session, cast: Cast) -> None:
    several = [made.schedule(cast.acme, DAILY, MORNING, name=f"Number {number}") for number in range(5)]
    made.ticked(NINE)
    alone = made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING, name="Alone")
    made.ticked(NINE)
    tasks = [made.tasks(each)[0] for each in [*several, alone]]
    assert [facts(session, task) for task in tasks[:5]] == [facts(session, tasks[5])] * 5
    assert [task.created_by for task in tasks] == [*(f"Number {number}" for number in range(5)), "Alone"]
    for schedule, task in zip([*several, alone], tasks, strict=True):
        (slot,) = made.slots(schedule)
        assert (slot.end, slot.batch_id, task.slot_id) == (End.FIRED, task.batch_id, slot.id)
        assert (made.fresh(schedule).last_run_at, schedule.due_at) == (NINE, at("2026-11-24T09:00"))


def test_what_is_not_plain_goes_its_own_way(session: Session, cast: Cast) -> None:
    plain = [made.schedule(cast.acme, DAILY, MORNING, name=f"Plain {number}") for number in range(2)]
    foreign = made.schedule(cast.globex, DAILY, MORNING, name="Of others")
    late = made.schedule(cast.acme, {"kind": "interval", "every": "30m"}, MORNING, name="Two at once")
    ends = made.schedule(cast.acme, {"kind": "once", "at": "2026-11-23T09:00"}, MORNING, name="Once")
    made.ticked(NINE)
    assert all(len(made.batches(each)) == 1 for each in (*plain, foreign, ends))
    assert [end for _, end, _ in made.ends(late)] == ["missed", "fired"]
    assert made.fresh(ends).status == "completed" and made.tasks(foreign)[0].organization_id == cast.globex


def test_one_that_still_runs_is_looked_at_alone(session: Session, cast: Cast) -> None:
    several = [made.schedule(cast.acme, DAILY, MORNING, name=f"Number {number}") for number in range(3)]
    made.ticked(NINE)
    (done,) = made.tasks(several[0])
    done.status = "completed"
    session.commit()
    made.ticked(at("2026-11-24T09:00"))
    assert [made.ends(each)[-1][1] for each in several] == ["fired", "skipped", "skipped"]


def test_one_that_is_refused_stops_no_other(session: Session, cast: Cast) -> None:
    off = made.schedule(cast.acme, DAILY, MORNING, name="Off")
    others = [made.schedule(cast.acme, DAILY, MORNING, name=f"Number {number}") for number in range(3)]
    made.fresh(off).spec = {"type": "plugin", "data": {"plugin_id": "gone"}}
    session.commit()
    made.ticked(NINE)
    assert made.ends(off) == [("11-23T09:00", "missed", "refused")]
    assert all(made.ends(each) == [("11-23T09:00", "fired", None)] for each in others)


def test_a_slot_that_another_has_settled_starts_nothing(session: Session, cast: Cast) -> None:
    several = [made.schedule(cast.acme, DAILY, MORNING, name=f"Number {number}") for number in range(3)]
    with within(cast.acme):
        slots.record(several[1], Moment(NINE, NINE, None, NINE.replace(tzinfo=None)), End.FIRED, NINE)
    session.commit()
    made.ticked(NINE)
    assert [len(made.tasks(each)) for each in several] == [1, 0, 1]
    assert session.scalar(sa.select(sa.func.count()).select_from(Slot)) == 3


def test_a_fault_in_the_middle_leaves_nothing_and_each_starts_by_itself(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [made.schedule(cast.acme, DAILY, MORNING, name=f"Number {number}") for number in range(3)]
    monkeypatch.setattr("webapp.crash._left", {})
    monkeypatch.setenv("MUSTER_FAULT_POINT", "fired:1:raise")
    made.ticked(NINE)
    assert [made.ends(each) for each in several] == [[("11-23T09:00", "fired", None)]] * 3
    assert [len(made.tasks(each)) for each in several] == [1, 1, 1]


def test_those_for_agents_start_together_too(session: Session, cast: Cast) -> None:
    agents = [hosts.agent(cast.acme, name, now=NINE) for name in ("web-1", "web-2")]
    session.commit()
    spec = {"type": "execute_command", "data": {"command": "true"}, "target": {"agents": "all"}}
    both = [made.schedule(cast.acme, DAILY, MORNING, name=name, spec=spec) for name in ("First", "Second")]
    read: list[str] = []
    sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *given: read.append(given[2]))
    made.ticked(NINE)
    assert sum("INSERT INTO batch" in statement for statement in read) == 1
    for each in both:
        tasks = made.tasks(each)
        assert sorted(task.agent_id for task in tasks) == sorted(agent.id for agent in agents)
        assert [(task.executor, task.status, task.batch.total) for task in tasks] == [("agent", "pending", 2)] * 2


def test_what_is_alike_is_not_what_is_by_chance(session: Session, cast: Cast) -> None:
    chance = {"kind": "times", "at": ["09:00"], "jitter": "30m"}
    several = [made.schedule(cast.acme, chance, MORNING, name=f"Number {number}") for number in range(4)]
    made.ticked(at("2026-11-23T09:30"))
    foretold = [engine.next_slot(plans.plan_of(made.fresh(each)), each.last_slot_at) for each in several]
    assert [each.due_at for each in several] == [slot.at for slot in foretold if slot]
    assert len({each.due_at for each in several}) > 1


def test_more_than_a_bite_is_left_to_the_next(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "SLOTS", 2)
    twice = {"kind": "interval", "every": "30m"}
    several = [made.schedule(cast.acme, twice, MORNING, name=f"Number {number}") for number in range(5)]
    made.ticked(NINE)
    assert [len(made.tasks(each)) for each in several] == [1] * 5
