"""For any schedule in any zone with any calendar: what is shown is what happens, in order, each once.

`MUSTER_FULL=1` looks at 1,000 schedules over 20 years in place of 20 over 2.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.schedules.strategies import FULL, START, YEARS, ZONES, changes, plans, schedule_settings
from webapp.calendars.days import NEXT_WORKING_DAY
from webapp.schedules import engine, rules
from webapp.schedules.seed import Seed

END = START.replace(year=START.year + YEARS)
# A daily schedule fits whole; of a busy one, this many slots from each starting point.
MOST = 8_000 if FULL else 800


def walked(plan, after, most=MOST):
    return engine.slots(plan, after, END, most)


def starting_points(plan):
    """The beginning, and shortly before some changes of clocks."""
    near = changes(plan.zone.key, START, START + timedelta(days=400))
    return [START, *(change - timedelta(hours=30) for change in near[:3])]


@schedule_settings
@given(plans())
def test_slots_are_strictly_increasing_and_inside_the_schedule(plan):
    for after in starting_points(plan):
        found = walked(plan, after)
        assert all(earlier.at < later.at for earlier, later in pairwise(found))
        assert all(slot.at > after for slot in found)
        assert all(plan.start is None or slot.at >= plan.start for slot in found)
        assert all(plan.end is None or slot.at <= plan.end for slot in found)


@schedule_settings
@given(plans())
def test_stepping_from_slot_to_slot_finds_what_a_walk_finds(plan):
    """As a scheduler does that starts anew after every slot."""
    for after in starting_points(plan):
        expected = walked(plan, after, MOST // 8)
        moment, stepped = after, []
        while len(stepped) < len(expected):
            slot = engine.next_slot(plan, moment)
            stepped.append(slot)
            moment = slot.at
        assert stepped == expected


@schedule_settings
@given(plans())
def test_the_preview_is_what_happens(plan):
    for after in starting_points(plan):
        shown = engine.preview(plan, after, 20)["slots"]
        runs = [slot["at"] for slot in shown if not slot["skipped"]]
        moment, happened = after, []
        while len(happened) < len(runs):
            slot = engine.next_run(plan, moment)
            happened.append(slot.at.isoformat().replace("+00:00", "Z"))
            moment = slot.at
        assert runs == happened


@schedule_settings
@given(plans(), st.lists(st.integers(1, 5 * 24 * 3600), min_size=3, max_size=30))
def test_ticks_at_any_times_find_every_slot_once(plan, waits):
    """However irregularly a scheduler wakes up, the slots between its ticks add up to all of them."""
    last = now = START + timedelta(days=80)
    found = []
    for wait in waits:
        now += timedelta(seconds=wait)
        due = engine.due(plan, last, now, limit=10_000)
        assert due.earlier is None
        found += due.slots
        last = now
    assert found == engine.slots(plan, START + timedelta(days=80), now, 1_000_000)


@schedule_settings
@given(plans())
def test_nothing_runs_on_a_day_off_and_nothing_else_is_skipped(plan):
    closed = plan.calendar.dates if plan.calendar else {}
    for slot in walked(plan, START):
        assert (slot.local.date() in closed) == bool(slot.skipped)
        if slot.skipped or slot.moved_from:
            assert slot.note == "holiday"


@schedule_settings
@given(plans())
def test_what_is_moved_goes_to_the_next_working_day_that_is_free(plan):
    found = walked(plan, START)
    for slot in (slot for slot in found if slot.moved_from):
        day = slot.local.date()
        assert plan.calendar.policy == NEXT_WORKING_DAY
        assert plan.calendar.next_working_day(slot.moved_from) == day
        assert all(other.moved_from == slot.moved_from for other in found if other.local.date() == day)


@schedule_settings
@given(plans())
def test_calendars_take_nothing_away_from_other_days(plan):
    """Every slot of the rule itself is there: run, skipped or moved."""
    if plan.calendar is None:
        return
    bare = [slot.at for slot in walked(replace(plan, calendar=None), START, 300)]
    if not bare:
        return
    found = engine.slots(plan, START, bare[-1], 100_000)
    kept = {slot.at for slot in found if not slot.moved_from}
    moved = {slot.moved_from for slot in engine.slots(plan, START, bare[-1] + timedelta(days=30), 100_000)}
    for at in bare:
        assert at in kept or at.astimezone(plan.zone).date() in moved


@schedule_settings
@given(st.sampled_from(ZONES), st.binary(min_size=16, max_size=16), st.integers(0, 1_000))
def test_a_random_time_comes_once_on_each_weekday_and_is_the_same_after_a_restart(zone, key, days):
    """Another product drew anew after each run, and so ran 1.7 times a day."""

    def drawn():
        return rules.parse({"kind": "random"}, zone, seed=Seed(key, "schedule"))

    begin = START + timedelta(days=days)
    found = engine.slots(drawn(), begin, begin + timedelta(days=365 * (YEARS if FULL else 1)), 10_000)
    dates = [slot.wall.date() for slot in found]
    weekdays = [day for day in span(dates[0], dates[-1]) if day.weekday() < 5]
    assert dates == weekdays
    assert all(time(9) <= slot.wall.time() <= time(17) for slot in found)
    middle = len(found) // 2
    assert engine.next_slot(drawn(), found[middle - 1].at) == found[middle]
    assert engine.next_slot(drawn(), found[middle].at - timedelta(seconds=1)) == found[middle]


def span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
