"""Object sets kept fresh: only members that nothing has covered, failed ones sooner, large sets in bites."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import ANN, at
from tests.tasks import made as tasks
from webapp.db import db, within
from webapp.objects import lifecycle as objects
from webapp.objects import sets
from webapp.objects.lifecycle import Seen
from webapp.objects.models import ObjectSet
from webapp.schedules import starting
from webapp.schedules.models import Schedule
from webapp.tasks import lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task

MORNING = at("2026-11-23T08:00")
HOUR = {"kind": "freshness", "every": "1h"}


def minute(number: float) -> datetime:
    return MORNING + timedelta(minutes=number)


def hostnames(organization_id: int, *names: str) -> None:
    seen = [Seen("hostname", f"internet|{name}", {"network": "internet", "name": name}) for name in names]
    with within(organization_id):
        objects.see(organization_id, seen, MORNING)
    db.session.commit()


def set_of(organization_id: int, query: str = "*", **given) -> ObjectSet:
    with within(organization_id):
        found = sets.create({"name": "Hosts", "type": "hostname", "query": query} | given, ANN, MORNING)
    db.session.commit()
    return found


def kept_fresh(cast: Cast, query: str = "*", rule=HOUR) -> Schedule:
    target = {"object_set": set_of(cast.acme, query).id}
    spec = {"type": "plugin", "data": {"plugin_id": "demo"}, "target": target}
    return made.schedule(cast.acme, rule, MORNING, spec=spec)


def run(task: Task, now: datetime, code: int = 0) -> None:
    (taken,) = [each for each in tasks.claimed(now, most=50) if each.task.id == task.id]
    lifecycle.start(taken.task, taken.lease, tasks.WORKER, now)
    lifecycle.finish(taken.task, taken.lease, tasks.WORKER, now, End(code))
    db.session.commit()


def test_only_uncovered_members_are_run_on(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example", "b.example")
    schedule = kept_fresh(cast)
    made.ticked(minute(1), minute(2))
    assert sorted(task.input for task in made.tasks(schedule)) == ["internet|a.example", "internet|b.example"]
    assert [(row.end, row.count) for row in made.slots(schedule)] == [("fired", 2)]
    assert {str(task.target) for task in made.tasks(schedule)} == {str(made.batches(schedule)[0].spec["target"])}
    hostnames(cast.acme, "c.example")
    made.ticked(minute(3))
    assert made.tasks(schedule)[-1].input == "internet|c.example" and len(made.tasks(schedule)) == 3


def test_what_completed_is_covered_for_the_interval(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example")
    schedule = kept_fresh(cast)
    made.ticked(minute(1))
    run(made.tasks(schedule)[0], minute(2))
    made.ticked(minute(30), minute(61))
    assert len(made.tasks(schedule)) == 1
    made.ticked(minute(63))
    assert len(made.tasks(schedule)) == 2


def test_a_run_that_somebody_else_made_counts(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example")
    by_hand = tasks.tasks(cast.acme, ["a.example"], MORNING)[0]
    run(by_hand, MORNING)
    schedule = kept_fresh(cast)
    made.ticked(minute(1))
    assert made.tasks(schedule) == []


def test_another_organisations_run_does_not(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example")
    tasks.tasks(cast.globex, ["internet|a.example"], MORNING)
    schedule = kept_fresh(cast)
    made.ticked(minute(1))
    assert len(made.tasks(schedule)) == 1


def test_what_failed_is_tried_again_soon_and_then_less_often(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example")
    schedule = kept_fresh(cast)
    made.ticked(minute(1))
    starts = [minute(1)]
    for number in range(1, 30):
        now = minute(1 + number)
        (last,) = made.tasks(schedule)[-1:]
        if last.open:
            run(last, starts[-1] + timedelta(seconds=1), 1)
        made.ticked(now)
        if len(made.tasks(schedule)) > len(starts):
            starts.append(now)
    waits = [(later - sooner).total_seconds() / 60 for sooner, later in pairwise(starts)]
    assert waits == [1, 2, 3, 5, 9], "30 s, 1, 2, 4, 8 minutes after the failure, at the next look"


def test_a_set_that_finds_nothing_starts_nothing(session: Session, cast: Cast) -> None:
    schedule = kept_fresh(cast, "name:*.example")
    made.ticked(minute(1), minute(2))
    assert (made.tasks(schedule), made.slots(schedule), made.fresh(schedule).status) == ([], [], "active")


def test_a_query_that_cannot_be_used_matches_nothing(session: Session, cast: Cast) -> None:
    hostnames(cast.acme, "a.example")
    schedule = kept_fresh(cast)
    found = session.get_one(ObjectSet, int(schedule.spec["target"]["object_set"]))
    found.query = "nmae:a*"
    session.commit()
    made.ticked(minute(1))
    assert made.tasks(schedule) == []


def test_a_large_set_is_started_in_bites_and_each_member_once(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "BITE", 4)
    hostnames(cast.acme, *(f"h{number}.example" for number in range(10)))
    schedule = kept_fresh(cast)
    made.ticked(minute(1))
    made.ticked(minute(1) + timedelta(seconds=1))
    made.ticked(minute(1) + timedelta(seconds=2))
    assert [row.count for row in made.slots(schedule)] == [4, 4, 2]
    assert len({task.input for task in made.tasks(schedule)}) == len(made.tasks(schedule)) == 10
    assert made.fresh(schedule).due_at == minute(2)


def test_a_slot_of_a_large_set_goes_on_where_it_was(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At times of day, every member is run on: in one batch, in bites, whoever ticks in between."""
    monkeypatch.setattr(starting, "BITE", 4)
    hostnames(cast.acme, *(f"h{number}.example" for number in range(10)))
    schedule = kept_fresh(cast, rule={"kind": "times", "at": ["09:00"]})
    made.ticked(minute(60))
    (slot,) = made.slots(schedule)
    assert (slot.end, len(slot.waiting or [])) == ("fanning", 2)
    hostnames(cast.acme, "new.example")
    made.ticked(minute(61))
    made.ticked(minute(62))
    (slot,) = made.slots(schedule)
    assert (slot.end, slot.waiting, slot.look_at) == ("fired", None, None)
    (batch,) = made.batches(schedule)
    assert (batch.total, len({task.input for task in made.tasks(schedule)})) == (10, 10)


def test_days_off_are_kept(session: Session, cast: Cast) -> None:
    from tests.schedules.test_calendars import calendar

    hostnames(cast.acme, "a.example")
    calendar(cast.acme)
    session.commit()
    target = {"object_set": set_of(cast.acme).id}
    spec = {"type": "plugin", "data": {"plugin_id": "demo"}, "target": target}
    eve = at("2026-12-24T23:58")
    schedule = made.schedule(cast.acme, HOUR, eve, spec=spec, calendar="Office")
    made.ticked(at("2026-12-25T00:00"), at("2026-12-25T00:01"), at("2026-12-25T00:02"))
    (row,) = made.slots(schedule)
    assert (row.end, row.reason, row.count) == ("skipped", "holiday", 3)
