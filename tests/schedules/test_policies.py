"""What becomes of slots that are late, and of slots whose last run still goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.schedules.stepping import days_off, instant, plan
from webapp.schedules import engine
from webapp.schedules.policies import ALL, MISFIRE, ONCE, OVERLAP, REASONS, SKIP, misfire, overlap

NOW = instant("2026-06-01T12:10")
QUARTERLY = {"kind": "interval", "every": "15m"}


def after_outage(hours: float, policy: str, rule=QUARTERLY, now=NOW, **limits) -> list[tuple[str, str, str | None]]:
    due = engine.due(plan(rule, "UTC"), now - timedelta(hours=hours), now, limit=1000)
    return [(f"{slot.at:%H:%M}", end, reason) for slot, end, reason in misfire(policy, due.slots, now, **limits)]


def test_three_hours_away_and_missed_runs_are_skipped():
    found = after_outage(3, SKIP)
    assert len(found) == 12
    assert {(end, reason) for _, end, reason in found} == {("missed", "late")}


def test_three_hours_away_and_one_run_stands_for_all():
    found = after_outage(3, ONCE)
    assert found[-1] == ("12:00", "fire", None)
    assert {(end, reason) for _, end, reason in found[:-1]} == {("missed", "coalesced")}


def test_three_hours_away_and_all_are_made_up_for_oldest_first():
    found = after_outage(3, ALL)
    assert [end for _, end, _ in found] == ["fire"] * 12
    assert [at for at, _, _ in found] == sorted(at for at, _, _ in found)


def test_one_run_is_made_up_for_within_the_grace_time_only():
    daily = {"kind": "times", "at": ["11:00"]}
    assert after_outage(2, ONCE, daily) == [("11:00", "missed", "too_late")]
    assert after_outage(2, ONCE, daily, grace=timedelta(hours=2)) == [("11:00", "fire", None)]


def test_all_is_bounded_by_age_and_by_number():
    found = after_outage(48, ALL, max=10)
    ends = [(end, reason) for _, end, reason in found]
    assert ends == [("missed", "too_late")] * 96 + [("missed", "limit")] * 86 + [("fire", None)] * 10
    assert {end for _, end, _ in after_outage(3, ALL, max=0)} == {"missed"}


@pytest.mark.parametrize("policy", MISFIRE)
def test_a_slot_that_is_seconds_late_is_no_missed_run(policy):
    assert after_outage(0.05, policy, now=instant("2026-06-01T12:00:30")) == [("12:00", "fire", None)]


def test_a_punctual_run_stands_for_the_missed_ones():
    found = after_outage(1, ONCE, now=instant("2026-06-01T12:00:30"))
    assert found[-1] == ("12:00", "fire", None)
    assert {(end, reason) for _, end, reason in found[:-1]} == {("missed", "coalesced")}


@pytest.mark.parametrize("policy", MISFIRE)
def test_what_a_calendar_skips_is_neither_missed_nor_run(policy):
    due = engine.due(plan(QUARTERLY, "UTC", calendar=days_off("2026-06-01")), NOW - timedelta(hours=1), NOW)
    assert {(end, reason) for _, end, reason in misfire(policy, due.slots, NOW)} == {("skipped", "holiday")}


def test_the_newest_run_is_made_up_for_though_a_day_off_followed():
    rule, now = {"kind": "interval", "every": "20m"}, instant("2026-06-02T00:50")
    due = engine.due(plan(rule, "UTC", calendar=days_off("2026-06-02")), now - timedelta(hours=2), now)
    found = {
        f"{slot.at:%H:%M}": (end, reason) for slot, end, reason in misfire(ONCE, due.slots, now, timedelta(hours=2))
    }
    assert found["23:40"] == ("fire", None)
    assert found["23:20"] == ("missed", "coalesced")
    assert found["00:40"] == ("skipped", "holiday")


@pytest.mark.parametrize("policy", MISFIRE)
def test_every_due_slot_has_one_end_and_every_end_but_running_a_reason(policy):
    found = after_outage(50, policy)
    assert len(found) == 200
    assert all((reason in REASONS) == (end != "fire") for _, end, reason in found)


def test_nothing_due_is_nothing_decided():
    assert misfire(ONCE, [], NOW) == []


@pytest.mark.parametrize(
    "policy, decision", [("allow", "fire"), ("skip", "skip"), ("queue", "queue"), ("replace", "replace")]
)
def test_overlap(policy, decision):
    assert overlap(policy, open_count=0) == "fire"
    assert overlap(policy, open_count=1) == decision
    assert policy in OVERLAP


def test_one_run_waits_at_most():
    assert overlap("queue", open_count=2, waiting=1) == "skip"


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match=r'no misfire policy "maybe"\. Use skip, once, all'):
        misfire("maybe", engine.due(plan(QUARTERLY), NOW - timedelta(hours=1), NOW).slots, NOW)
    with pytest.raises(ValueError, match=r'no overlap policy "maybe"\. Use allow, skip, queue, replace'):
        overlap("maybe", 0)
