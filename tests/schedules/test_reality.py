"""The preview against what really happens: schedules are stored, the scheduler ticks through nights and holidays, and
what it wrote down is what was shown before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made, strategies
from tests.schedules.made import ANN, at
from webapp.calendars import lifecycle
from webapp.calendars.days import Day
from webapp.calendars.zones import zone
from webapp.db import within
from webapp.schedules import engine, plans
from webapp.schedules.models import Schedule

# Zone, the night in which its clocks change (to look at from the noon before), rules.
NIGHTS = [
    ("Europe/Amsterdam", "2026-03-28T12:00"),
    ("Europe/Amsterdam", "2026-10-24T12:00"),
    ("America/New_York", "2027-03-13T18:00"),
    ("America/New_York", "2027-11-06T18:00"),
    ("Europe/Lisbon", "2026-10-24T12:00"),
    ("Australia/Lord_Howe", "2026-10-03T06:00"),
    ("Australia/Lord_Howe", "2027-04-03T06:00"),
    ("UTC", "2026-12-24T12:00"),
]
RULES: list[dict[str, Any]] = [
    {"kind": "times", "at": ["01:30", "02:00", "02:10", "02:30", "02:59", "03:00"]},
    {"kind": "interval", "every": "45m"},
    {"kind": "interval", "every": "20m", "between": ["01:00", "04:00"]},
    {"kind": "cron", "expr": "30 * * * *"},
    {"kind": "cron", "expr": "30 2 * * *"},
    {"kind": "random", "between": ["00:30", "04:00"], "days": ["sat", "sun", "mon", "tue"]},
    {"kind": "times", "at": ["09:00"], "jitter": "10m"},
]


# How often the scheduler looks; what it finds late it starts late, and each slot keeps its own time.
STEP = timedelta(seconds=45) if strategies.FULL else timedelta(minutes=13)


def shown(schedule: Schedule, begin: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """By the preview: when it runs, and the dates that it passes over."""
    plan = plans.plan_of(schedule)
    entries = engine.preview(plan, begin, 500)["slots"]
    moments = [(datetime.fromisoformat(entry["at"]), "skipped" if entry["skipped"] else "fired") for entry in entries]
    return [moment for moment in moments if moment[0] <= until]


def happened(schedule: Schedule) -> list[tuple[datetime, str]]:
    return [(slot.at, slot.end) for slot in made.slots(schedule)]


def walk(begin: datetime, until: datetime, step: timedelta) -> list[datetime]:
    count = int((until - begin) / step)
    return [begin + step * number for number in range(count + 1)]


@pytest.mark.parametrize(("zone_name", "begin"), NIGHTS)
def test_nights_in_which_the_clocks_change(session: Session, cast: Cast, zone_name: str, begin: str) -> None:
    start = datetime.fromisoformat(begin).replace(tzinfo=zone(zone_name)).astimezone(UTC)
    until = start + timedelta(hours=26)
    with within(cast.acme):
        calendar = lifecycle.create(lifecycle.Draft("Closed", "skip", [5, 6]), ANN, start)
        lifecycle.add(calendar, [Day(datetime(2026, 12, 25).date(), "Christmas")], lifecycle.OWN, ANN, start)  # noqa: DTZ001
    policies = {"overlap": "allow", "misfire": "all"}
    stored = [
        made.schedule(cast.acme, rule, start, timezone=zone_name, calendar="Closed", **policies) for rule in RULES
    ]
    expected = [shown(schedule, start, until) for schedule in stored]
    for now in walk(start, until, STEP):
        made.ticked(now)
    assert [happened(schedule) for schedule in stored] == expected
    assert all(
        len(made.batches(schedule)) == sum(end == "fired" for _, end in happened(schedule)) for schedule in stored
    )


@settings(max_examples=1000 if strategies.FULL else 8, deadline=None, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(rule=strategies.any_rule, zone_name=st.sampled_from(strategies.ZONES), days=st.integers(0, 300))
def test_any_rule_in_any_zone(session: Session, cast: Cast, rule: dict[str, Any], zone_name: str, days: int) -> None:
    """The first slots that are shown are the first that happen, whenever the scheduler looks."""
    start = at("2026-01-01T05:00") + timedelta(days=days)
    try:
        schedule = made.schedule(cast.acme, rule | {"per": "fleet"} if rule["kind"] == "random" else rule, start,
                                 timezone=zone_name, overlap="allow", misfire="all")  # fmt: skip
    except ValueError:  # a date that has passed, or a cron that never comes
        session.rollback()
        return
    plan = plans.plan_of(schedule)
    expected = [slot.at for slot in engine.slots(plan, start, start + timedelta(days=800), 6)]
    for moment in expected:
        made.ticked(moment - timedelta(seconds=1), moment + timedelta(seconds=20))
    assert [slot.at for slot in made.slots(schedule)] == expected
    assert {slot.end for slot in made.slots(schedule)} <= {"fired"}
    made.lifecycle.delete(schedule, ANN, start)
    session.commit()
