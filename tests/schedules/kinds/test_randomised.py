from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.schedules.stepping import SEED, error, following, instant, local, plan, words
from webapp.schedules import engine
from webapp.schedules.seed import Seed

BUSINESS = {"kind": "random"}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_five_years_have_exactly_one_run_each_weekday_inside_business_hours(zone):
    found = following(BUSINESS, zone, "2026-01-01T00:00", 1305)
    days = [slot.local.date() for slot in found]
    weekdays = [day for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(1827)) if day.weekday() < 5]
    assert days == weekdays[:1305]
    assert all("09:00:00" <= f"{slot.local:%H:%M:%S}" <= "17:00:00" for slot in found)


def test_after_a_run_the_next_one_is_on_another_day():
    """System A drew anew after each run and so ran up to seven times a day."""
    made, moment, days = plan(BUSINESS), instant("2026-01-01"), []
    for _ in range(500):
        moment = engine.next_slot(made, moment).at
        days.append(moment.date())
    assert len(set(days)) == 500


def test_a_restart_changes_nothing():
    before = following(BUSINESS, "Europe/Amsterdam", "2026-01-01", 300)
    midway = before[149].at + timedelta(minutes=7)
    after = engine.slots(plan(dict(BUSINESS), seed=Seed(SEED.key, SEED.schedule)), midway, instant("2099-01-01"), 150)
    assert before[150:] == after


def test_times_differ_by_schedule_and_cannot_be_told_without_the_key():
    own = local(BUSINESS, "UTC", "2026-01-01", 20)
    assert local(BUSINESS, "UTC", "2026-01-01", 20, seed=Seed(SEED.key, "schedule-2")) != own
    assert local(BUSINESS, "UTC", "2026-01-01", 20, seed=Seed(b"another key", SEED.schedule)) != own


def test_times_are_spread_over_the_window():
    hours = Counter(slot.local.hour for slot in following(BUSINESS, "UTC", "2026-01-01", 4000))
    assert all(400 < hours[hour] < 600 for hour in range(9, 17))


def test_the_fleet_has_one_time_and_agents_have_their_own():
    fleet, each = plan(BUSINESS), plan({**BUSINESS, "per": "agent"})
    assert not fleet.per_agent and each.per_agent
    assert fleet.for_agent("web-1") is fleet
    first = {agent: engine.next_slot(each.for_agent(agent), instant("2026-01-01")).at for agent in ("web-1", "web-2")}
    assert first["web-1"] != first["web-2"]
    assert engine.next_slot(each.for_agent("web-1"), instant("2026-01-01")).at == first["web-1"]


def test_own_windows_and_days():
    found = following({**BUSINESS, "between": ["06:00", "06:01"], "days": ["sat"]}, "UTC", "2026-01-01", 50)
    assert {slot.local.weekday() for slot in found} == {5}
    assert all("06:00:00" <= f"{slot.local:%H:%M:%S}" <= "06:01:00" for slot in found)


def test_both_ends_of_the_window_can_be_drawn():
    found = following({**BUSINESS, "between": ["06:00:00", "06:00:02"]}, "UTC", "2026-01-01", 60)
    assert {slot.local.second for slot in found} == {0, 1, 2}


def test_a_window_over_midnight_has_one_run_a_night():
    found = following({**BUSINESS, "between": ["22:00", "06:00+1"], "days": ["mon"]}, "UTC", "2026-01-05T23:59", 60)
    nights = [(slot.local - timedelta(hours=12)).date() for slot in found]
    assert {night.weekday() for night in nights} == {0}
    assert len(set(nights)) == 60
    assert {slot.local.weekday() for slot in found} == {0, 1}


def test_after_midnight_the_run_of_the_night_is_still_to_come():
    made = plan({**BUSINESS, "between": ["23:59:59", "06:00+1"], "days": ["mon"]}, "UTC")
    slot = engine.next_slot(made, instant("2026-01-05"))
    assert slot.at > instant("2026-01-06T00:00:30")
    assert engine.next_slot(made, instant("2026-01-06T00:00:30")) == slot


@pytest.mark.parametrize(
    "which, expected",
    [
        ({"day": 31}, ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ({"nth": ["last", "fri"]}, ["2026-01-30", "2026-02-27"]),
    ],
)
def test_monthly_at_a_random_time(which, expected):
    found = local({**BUSINESS, **which}, "UTC", "2026-01-01", len(expected))
    assert [text[:10] for text in found] == expected


def test_a_time_in_a_gap_runs_right_after_it():
    rule = {**BUSINESS, "between": ["02:00", "02:59"], "days": ["sun"]}
    slot = following(rule, "Europe/Amsterdam", "2027-03-27", 1)[0]
    assert (f"{slot.local:%m-%d %H:%M:%S}", slot.note) == ("03-28 03:00:00", "gap")


@pytest.mark.parametrize(
    "rule, text",
    [
        (BUSINESS, "Every weekday at a random time 09:00–17:00 Europe/Amsterdam"),
        ({**BUSINESS, "per": "agent"},
         "Every weekday at a random time 09:00–17:00 Europe/Amsterdam, another one for each agent"),
        ({**BUSINESS, "day": 31}, "On the last day of each month at a random time 09:00–17:00 Europe/Amsterdam"),
    ],
)  # fmt: skip
def test_words(rule, text):
    assert words(rule) == text


@pytest.mark.parametrize(
    "rest, field, message",
    [
        ({"per": "host"}, "per", "Choose fleet for one time for all, or agent for a time of its own for each"),
        ({"days": ["mon"], "day": 3}, "days", "Choose days of the week or a day of the month. Remove one of them"),
        ({"between": ["17:00", "09:00"]}, "between",
         "The end of the window must be later than 17:00. If it ends the next day, write 09:00+1"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field(rest, field, message):
    assert error({**BUSINESS, **rest}) == (field, message)


def test_the_draw_is_the_one_that_is_documented():
    """HMAC-SHA256(key, schedule|date|agent) modulo the window: a change here would move every schedule."""
    import hashlib
    import hmac

    made = plan({**BUSINESS, "per": "agent"}, "UTC").for_agent("web-1")
    digest = hmac.new(SEED.key, b"schedule-1|2026-01-01|web-1", hashlib.sha256).digest()
    expected = instant("2026-01-01T09:00") + timedelta(seconds=int.from_bytes(digest, "big") % (8 * 3600 + 1))
    assert engine.next_slot(made, instant("2026-01-01")).at == expected
    assert replace(SEED, agent="web-1").draw("2026-01-01", 8 * 3600) == (expected - instant("2026-01-01T09:00")).seconds
