"""Three hours without a scheduler, by each policy, against an oracle that is told by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.schedules import made, strategies
from tests.schedules.made import at

MORNING = at("2026-11-23T08:00")
HALF_HOURS = {"kind": "interval", "every": "30m"}
MINUTES = {"kind": "cron", "expr": "* * * * *"}

# Down from 08:00 to 11:10: due were 08:30, 09:00 … 11:00.
ORACLE = {
    "skip": [("missed", "late")] * 6,
    "once": [("missed", "coalesced")] * 5 + [("fired", None)],
    "all": [("fired", None)] * 6,
}


@pytest.mark.parametrize("policy", ORACLE)
def test_three_hours_down(session: Session, cast: Cast, policy: str) -> None:
    schedule = made.schedule(cast.acme, HALF_HOURS, MORNING, misfire=policy, overlap="allow")
    made.ticked(at("2026-11-23T11:10"))
    assert [(end, reason) for _, end, reason in made.ends(schedule)] == ORACLE[policy]
    assert [time for time, _, _ in made.ends(schedule)] == [
        f"{MORNING + timedelta(minutes=30 * number):%m-%dT%H:%M}" for number in range(1, 7)
    ]
    assert len(made.batches(schedule)) == sum(end == "fired" for end, _ in ORACLE[policy])
    assert (made.fresh(schedule).last_slot_at, schedule.due_at) == (at("2026-11-23T11:00"), at("2026-11-23T11:30"))
    made.ticked(at("2026-11-23T11:30"))
    assert made.ends(schedule)[-1] == ("11-23T11:30", "fired", None)


def test_late_by_more_than_an_hour_is_not_made_up_for(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING)
    made.ticked(at("2026-11-23T11:10"))
    assert made.ends(daily) == [("11-23T09:00", "missed", "too_late")]


def test_some_seconds_late_is_not_late(session: Session, cast: Cast) -> None:
    daily = made.schedule(cast.acme, {"kind": "times", "at": ["09:00"]}, MORNING, misfire="skip")
    made.ticked(at("2026-11-23T09:00:45"))
    assert made.ends(daily) == [("11-23T09:00", "fired", None)]


@pytest.mark.parametrize(
    ("policy", "reason", "fired"), [("skip", "late", 1), ("once", "coalesced", 1), ("all", "limit", 100)]
)
def test_more_than_a_hundred_are_folded_and_none_is_lost(
    session: Session, cast: Cast, policy: str, reason: str, fired: int
) -> None:
    schedule = made.schedule(cast.acme, MINUTES, MORNING, misfire=policy, overlap="allow")
    made.ticked(at("2026-11-23T13:00:30"))  # 300 of them, the last one in time
    rows = made.slots(schedule)
    assert sum(row.count for row in rows) == 300 and len(rows) == 101
    first = rows[0]
    assert (first.count, first.end, first.reason) == (200, "missed", reason)
    assert (first.at, first.until) == (at("2026-11-23T08:01"), at("2026-11-23T11:20"))
    assert sum(row.end == "fired" for row in rows) == len(made.batches(schedule)) == fired


def test_missed_runs_that_all_are_to_run_go_one_after_the_other(session: Session, cast: Cast) -> None:
    """However the schedule treats overlaps: what was missed must not fall to the one before."""
    schedule = made.schedule(cast.acme, HALF_HOURS, MORNING, misfire="all", overlap="skip")
    now = at("2026-11-23T09:40")
    made.ticked(now)
    assert [end for _, end, _ in made.ends(schedule)] == ["fired", "waiting", "waiting"]
    for number in (1, 2):
        (last,) = [task for task in made.tasks(schedule) if task.open]
        last.status = "completed"
        session.commit()
        made.ticked(now + timedelta(seconds=2 * number))
    assert [end for _, end, _ in made.ends(schedule)] == ["fired"] * 3
    assert [slot.batch_id for slot in made.slots(schedule)] == [batch.id for batch in made.batches(schedule)]


def expected(policy: str, due: list[datetime], now: datetime) -> list[str]:
    """The promise, slot by slot: who was away for more than a minute has missed it, and then the policy decides."""
    late = [moment for moment in due if (now - moment).total_seconds() > 60]
    ends = []
    for moment in due:
        hours = (now - moment).total_seconds() / 3600
        if moment not in late:
            ends.append("fired")
        elif policy == "all":
            ends.append("fired" if hours <= 24 and moment in late[-100:] else "missed")
        elif policy == "once":
            ends.append("fired" if late == due and moment == late[-1] and hours <= 1 else "missed")
        else:
            ends.append("missed")
    return ends


@settings(max_examples=200 if strategies.FULL else 10, deadline=None, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(
    policy=st.sampled_from(["skip", "once", "all"]), every=st.sampled_from([2, 3, 5, 7, 20, 45, 90]),
    away=st.integers(1, 200), seconds=st.integers(0, 59),
)  # fmt: skip
def test_any_outage_by_any_policy(
    session: Session, cast: Cast, policy: str, every: int, away: int, seconds: int
) -> None:
    """Against arithmetic on minutes: nothing is lost, nothing is told twice, and each policy does what it says."""
    begun = datetime(2026, 11, 23, 8, tzinfo=UTC)
    now = begun + timedelta(minutes=away, seconds=seconds)
    rule = {"kind": "interval", "every": f"{every}m", "between": ["08:00", "23:00"]}
    schedule = made.schedule(cast.acme, rule, begun, misfire=policy, overlap="allow")
    made.ticked(now)
    due = [begun + timedelta(minutes=minute) for minute in range(every, away + 1, every)]
    told = [(slot.at, slot.end) for slot in made.slots(schedule)]
    assert told == list(zip(due, expected(policy, due, now), strict=True))
    assert len(made.batches(schedule)) == sum(end == "fired" for _, end in told)
