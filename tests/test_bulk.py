"""Rows that are written by the statement: few or many, they are stored alike, and within their organisation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made
from webapp import bulk, events
from webapp.bulk import MANY
from webapp.db import ScopeMissing, system_scope
from webapp.events import SYSTEM, Event
from webapp.schedules import slots
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.states import End

NOW = datetime(2026, 11, 21, 8, 0, 0, 250_000, tzinfo=UTC)
DAILY = {"kind": "times", "at": ["09:00"]}


def told(organization_id: int, count: int, **facts: Any) -> list[dict[str, Any]]:
    return [events.row(organization_id, "bulk", "thing", number, SYSTEM, NOW, **facts) for number in range(count)]


def slot_rows(of: Schedule, count: int) -> list[dict[str, Any]]:
    moment = slots.row(of.organization_id, of.id, 1, NOW, End.FIRED, NOW)
    return [
        moment | {"at": NOW.replace(minute=number), "waiting": [f'"{number}"', "é"], "moved_from": date(2026, 1, number + 1)}
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, MANY - 1, MANY, MANY + 7])
def test_few_and_many_are_stored_alike(acme: Session, cast: Cast, count: int) -> None:
    rows = told(cast.acme, count, text='It\'s "é"\n\\', data={"a": [1, None, "b"]})
    bulk.insert(Event, rows)
    found = acme.scalars(sa.select(Event).where(Event.kind == "bulk").order_by(Event.id)).all()
    names = rows[0] if rows else {}
    assert [{name: getattr(event, name) for name in names} for event in found] == rows


def test_dates_moments_lists_and_nothing_keep_their_types(session: Session, cast: Cast) -> None:
    rows = slot_rows(made.schedule(cast.acme, DAILY, NOW), MANY)
    rows[3]["waiting"] = rows[3]["moved_from"] = None
    with system_scope("test"):
        bulk.insert(Slot, rows)
    found = session.scalars(sa.select(Slot).order_by(Slot.id)).all()
    assert [(s.at, s.waiting, s.moved_from, s.count) for s in found] == [
        (row["at"], row["waiting"], row["moved_from"], 1) for row in rows
    ]


def test_what_is_already_there_is_not_new(session: Session, cast: Cast) -> None:
    rows = slot_rows(made.schedule(cast.acme, DAILY, NOW), 3)
    with system_scope("test"):
        assert bulk.insert_new(Slot, rows[1:2], slots.KEY) == 1
        assert bulk.insert_new(Slot, rows, slots.KEY) == 2
        assert bulk.insert_new(Slot, rows, slots.KEY) == 0


def test_each_becomes_what_its_row_says(session: Session, cast: Cast) -> None:
    several = [made.schedule(cast.acme, DAILY, NOW, name=f"Number {number}") for number in range(3)]
    foreign = made.schedule(cast.globex, DAILY, NOW, name="Of others")
    rows = [{"id": each.id, "organization_id": cast.acme, "text": each.name, "due_at": NOW} for each in several]
    with system_scope("test"):
        bulk.update(Schedule, [*rows, rows[0] | {"id": foreign.id}])
    assert [(made.fresh(each).text, each.due_at) for each in several] == [(each.name, NOW) for each in several]
    assert made.fresh(foreign).due_at != NOW


def test_numbers_are_given_once(session: Session, cast: Cast) -> None:
    rows = told(cast.acme, 2 * MANY)
    with system_scope("test"):
        for start in (0, MANY):
            some = rows[start : start + MANY]
            bulk.insert(Event, [row | {"id": n} for row, n in zip(some, bulk.next_ids(Event, MANY), strict=True)])
        bulk.insert(Event, told(cast.acme, 1))
    assert len(set(session.scalars(sa.select(Event.id).where(Event.kind == "bulk")))) == 2 * MANY + 1


@pytest.mark.parametrize("count", [1, MANY])
def test_a_foreign_organisation_is_refused(acme: Session, cast: Cast, count: int) -> None:
    with pytest.raises(ScopeMissing):
        bulk.insert(Event, [*told(cast.acme, count - 1), *told(cast.globex, 1)])


def test_what_json_cannot_say_is_no_row() -> None:
    with pytest.raises(TypeError, match="bytes"):
        bulk.as_table([{"id": 1, "content": b"x"}])
