"""Edit, run now, run what was missed, delete."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from tests.schedules.made import ANN, DEMO, at
from tests.tasks import made as tasks
from webapp.access.models import Audit
from webapp.db import within
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.schedules import draft, lifecycle
from webapp.schedules.models import Schedule
from webapp.tasks import lifecycle as task_verbs

MORNING = at("2026-11-23T08:00")
NINE = {"kind": "times", "at": ["09:00"]}


def edited(schedule: Schedule, now, version: int | None = None, **changes) -> None:
    given = {"spec": DEMO, "rule": schedule.rule, "timezone": schedule.timezone, "name": schedule.name} | changes
    with within(schedule.organization_id):
        wanted = draft.read(given, now, schedule)
        lifecycle.edit(schedule, wanted, schedule.version if version is None else version, ANN, now)


@pytest.mark.parametrize(("given", "field", "text"), [
    ({"rule": {"kind": "times"}}, "rule.at", "at least one time"),
    ({"rule": NINE, "timezone": "Europe/Amsterdm"}, "timezone", "Did you mean Europe/Amsterdam?"),
    ({"rule": NINE, "end": "2026-11-22"}, "end", "has passed"),
    ({"rule": {"kind": "once", "at": "2026-11-21T09:00"}}, "rule.at", "has passed"),
    ({"rule": NINE, "start": "2026-12-01", "end": "2026-12-01T08:00"}, "rule", "no run ahead"),
    ({"rule": NINE, "misfire": "never"}, "misfire", "skip, once or all"),
    ({"rule": NINE, "overlap": "maybe"}, "overlap", "allow, skip, queue or replace"),
    ({"rule": NINE, "calendar": "Mars"}, "calendar", 'no calendar "Mars"'),
    ({"rule": NINE, "spec": None}, "spec", "Choose what is to run"),
    ({"rule": NINE, "spec": {"data": {"plugin_id": "nope"}}}, "spec.data.plugin_id", 'no plugin "nope"'),
    ({"rule": NINE, "spec": DEMO | {"options": {"not_before": "2026-12-01T09:00Z"}}}, "spec.options.not_before", "rule says when"),
    ({"rule": {"kind": "freshness", "every": "1h"}}, "rule.kind", "object set"),
    ({"rule": {"kind": "random", "per": "agent"}}, "rule.per", "Only agents"),
])  # fmt: skip
def test_what_cannot_be_is_told_at_its_field(session: Session, cast: Cast, given, field: str, text: str) -> None:
    with pytest.raises(FieldErrors) as caught, within(cast.acme):
        draft.read({"spec": DEMO} | given, MORNING)
    assert any(error["field"] == field and text in error["message"] for error in caught.value.errors), (
        caught.value.errors
    )


def test_it_is_named_after_what_it_runs_unless_it_is_told(session: Session, cast: Cast) -> None:
    plain, named = made.schedule(cast.acme, NINE, MORNING), made.schedule(cast.acme, NINE, MORNING, name="Nightly")
    assert (plain.name, plain.what, named.name) == ("Demo", "Demo", "Nightly")
    assert plain.text == "Every day at 09:00 UTC"


def test_an_edit_counts_from_now(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    edited(daily, at("2026-11-23T08:30"), rule={"kind": "times", "at": ["08:15", "10:00"]}, timezone="Europe/Amsterdam")
    session.commit()
    assert daily.due_at == at("2026-11-23T09:00"), "10:00 in Amsterdam; 08:15 is over"
    assert (daily.version, daily.text) == (2, "Every day at 08:15 and 10:00 Europe/Amsterdam")
    record = session.scalars(sa.select(Audit).where(Audit.action == "schedule.edit")).one()
    assert record.before["rule"] == NINE and record.after["timezone"] == "Europe/Amsterdam"


def test_two_who_edit_at_once_do_not_lose_a_change(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    edited(daily, MORNING, name="First")
    with pytest.raises(Refused, match="ann changed this schedule meanwhile"):
        edited(daily, MORNING, version=1, name="Second")
    assert daily.name == "First"


def test_a_slot_that_was_due_when_the_rule_changed_is_told(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    edited(daily, at("2026-11-23T09:00:01"), rule={"kind": "times", "at": ["10:00"]})
    assert made.ends(daily) == [("11-23T09:00", "missed", "changed")]


def test_a_completed_one_lives_again_with_a_later_time(session: Session, cast: Cast) -> None:
    once = made.schedule(cast.acme, {"kind": "once", "at": "2026-11-23T09:00"}, MORNING)
    made.ticked(at("2026-11-23T09:00"))
    edited(once, at("2026-11-23T10:00"), rule={"kind": "once", "at": "2026-11-23T11:00"})
    session.commit()
    made.ticked(at("2026-11-23T11:00"))
    assert [end for _, end, _ in made.ends(once)] == ["fired", "skipped"], "the first run was still queued"
    assert made.fresh(once).status == "completed"


def test_run_now_leaves_the_next_slot_where_it_is(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, overlap="allow")
    batch = lifecycle.run_now(daily, ANN, at("2026-11-23T08:30"))
    session.commit()
    assert (batch.trigger, batch.created_by) == ("manual", "ann")
    assert daily.due_at == at("2026-11-23T09:00")
    made.ticked(at("2026-11-23T09:00"))
    assert [(row.end, row.reason) for row in made.slots(daily)] == [("fired", "run_now"), ("fired", None)]
    assert len(made.batches(daily)) == 2


def test_run_now_at_the_very_moment_of_a_slot_takes_nothing_from_it(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, overlap="allow")
    lifecycle.run_now(daily, ANN, at("2026-11-23T09:00"))
    session.commit()
    made.ticked(at("2026-11-23T09:00"))
    assert len(made.batches(daily)) == 2


def test_run_now_says_why_it_cannot(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING)
    daily.spec = {"type": "plugin", "data": {"plugin_id": "gone"}, "target": {}, "options": {}}
    session.commit()
    with pytest.raises(Refused, match='no plugin "gone"'), within(cast.acme):
        lifecycle.run_now(daily, ANN, MORNING)


def test_a_missed_run_is_made_up_for_once_and_stays_missed(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, misfire="skip")
    made.ticked(at("2026-11-23T12:00"))
    (slot,) = made.slots(daily)
    assert slot.startable
    batch = lifecycle.run_missed(daily, slot, ANN, at("2026-11-23T12:30"))
    session.commit()
    assert (slot.end, slot.batch_id, slot.startable) == ("missed", batch.id, False)
    with pytest.raises(Refused, match="made up for already"):
        lifecycle.run_missed(daily, slot, ANN, at("2026-11-23T12:31"))


@pytest.mark.parametrize(("choice", "left"), [
    ("queued", ["cancelled", "executing"]),
    ("all", ["cancelled", "stopping"]),
    ("none", ["pending", "executing"]),
])  # fmt: skip
def test_deleting_does_with_open_tasks_what_was_chosen(session: Session, cast: Cast, choice, left: list[str]) -> None:
    daily = made.schedule(cast.acme, NINE, MORNING, overlap="allow")
    lifecycle.run_now(daily, ANN, MORNING)
    session.commit()
    taken = tasks.claimed(MORNING)[0]
    task_verbs.start(taken.task, taken.lease, tasks.WORKER, MORNING)
    lifecycle.run_now(daily, ANN, MORNING + timedelta(seconds=1))
    session.commit()
    lifecycle.delete(daily, ANN, MORNING, choice)
    session.commit()
    states = sorted("stopping" if task.cancelling else task.status for task in made.tasks(daily))
    assert states == sorted(left)
    assert made.ticked(at("2026-11-23T09:00")) == 0
    with pytest.raises(Refused, match="deleted"):
        lifecycle.run_now(daily, ANN, MORNING)
