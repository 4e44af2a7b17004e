"""One engine for words, preview and scheduler."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date, timedelta

import pytest

from tests.schedules.stepping import days_off, following, instant, local, plan, words
from webapp.calendars.days import DaysOff
from webapp.schedules import engine

LONDON = "Europe/London"
CHRISTMAS = ("2026-12-25", "2026-12-28")
WEEKDAYS = {"kind": "times", "at": ["09:30"], "days": ["mon", "tue", "wed", "thu", "fri"]}


def weekly(*days: str) -> dict:
    return {"kind": "weekly", "days": list(days), "at": ["09:30"]}


def ends(rule: dict, policy: str, after: str, count: int, *dates: str) -> list[tuple[str, str | None, str | None]]:
    found = following(rule, LONDON, after, count, calendar=days_off(*(dates or CHRISTMAS), policy=policy))
    return [(f"{slot.local:%m-%d}", slot.skipped, slot.moved_from and f"{slot.moved_from:%m-%d}") for slot in found]


def test_words_have_zone_calendar_delay_and_span():
    off = days_off(*CHRISTMAS)
    assert words(WEEKDAYS) == "Every weekday at 09:30 Europe/Amsterdam"
    assert words(WEEKDAYS, calendar=off) == "Every weekday at 09:30 Europe/Amsterdam, except UK holidays"
    assert words(weekly("fri"), LONDON, calendar=days_off(policy="next_working_day")) == (
        "Every Friday at 09:30 Europe/London, on the next working day instead of UK holidays"
    )
    assert words({**WEEKDAYS, "jitter": "10m"}, start="2026-12-01", end="2026-12-31T12:00") == (
        "Every weekday at 09:30 Europe/Amsterdam, up to 10 minutes later, "
        "from 1 Dec 2026 00:00, until 31 Dec 2026 12:00"
    )


def test_a_day_off_skips_and_says_so():
    assert ends(WEEKDAYS, "skip", "2026-12-24", 4) == [
        ("12-24", None, None),
        ("12-25", "holiday", None),
        ("12-28", "holiday", None),
        ("12-29", None, None),
    ]


def test_the_date_is_the_one_in_the_zone_of_the_schedule():
    rule = {"kind": "times", "at": ["00:30"]}
    tokyo = following(rule, "Asia/Tokyo", "2026-12-23T12:00", 2, calendar=days_off("2026-12-25"))
    assert [(f"{slot.at:%m-%d}", slot.skipped) for slot in tokyo] == [("12-23", None), ("12-24", "holiday")]


def test_the_next_working_day_makes_up_for_a_day_off():
    assert ends(weekly("fri"), "next_working_day", "2026-12-24", 2) == [("12-29", None, "12-25"), ("01-01", None, None)]


@pytest.mark.parametrize("asked", ["2026-12-25T12:00", "2026-12-28T12:00", "2026-12-29T09:29"])
def test_a_move_is_seen_from_any_moment_before_it(asked):
    assert ends(weekly("fri"), "next_working_day", asked, 1) == [("12-29", None, "12-25")]


def test_a_day_on_which_it_runs_anyway_makes_up_for_nothing():
    assert ends(WEEKDAYS, "next_working_day", "2026-12-24T12:00", 3) == [
        ("12-25", "holiday", None),
        ("12-28", "holiday", None),
        ("12-29", None, None),
    ]


def test_of_several_days_off_in_a_row_one_is_made_up_for():
    assert ends(weekly("fri", "mon"), "next_working_day", "2026-12-24", 3) == [
        ("12-25", "holiday", None),
        ("12-29", None, "12-28"),
        ("01-01", None, None),
    ]


def test_runs_that_are_moved_into_a_gap_are_one():
    """Saturday's two runs go to a Sunday without that hour, in a place where Sunday is a working day."""
    off = DaysOff("Closed", {date(2026, 3, 28): "Closed"}, "next_working_day", weekend=frozenset())
    rule = {"kind": "weekly", "days": ["sat"], "at": ["02:10", "02:40"]}
    assert local(rule, "Europe/Amsterdam", "2026-03-27", 2, calendar=off) == [
        "2026-03-29T03:00+0200",
        "2026-04-04T02:10+0200",
    ]


def test_a_weekend_run_is_no_day_off():
    assert ends(weekly("sat", "fri"), "next_working_day", "2026-12-24", 2) == [
        ("12-26", None, None),
        ("12-29", None, "12-25"),
    ]


def test_a_move_past_the_end_is_a_skip():
    off = days_off(*CHRISTMAS, policy="next_working_day")
    found = following(weekly("fri"), LONDON, "2026-12-24", 5, calendar=off, end="2026-12-29T09:00")
    assert [slot.skipped for slot in found] == ["holiday"]


def test_a_calendar_without_working_days_skips():
    closed = [f"{date(2026, 1, 1) + timedelta(days=number)}" for number in range(900)]
    assert ends(weekly("fri"), "next_working_day", "2026-03-01", 1, *closed) == [("03-06", "holiday", None)]
    off = days_off(*closed)
    assert engine.next_run(plan(WEEKDAYS, LONDON, calendar=off), instant("2026-01-01")).local.date() > date(2028, 6, 18)


def test_the_next_run_looks_past_busy_days_off_at_once():
    busy = plan({"kind": "interval", "every": "1s"}, LONDON, calendar=days_off("2026-12-25", "2026-12-26"))
    assert engine.next_slot(busy, instant("2026-12-25")).skipped == "holiday"
    assert engine.next_run(busy, instant("2026-12-25")).at == instant("2026-12-27")


def test_a_delay_is_drawn_once_and_keeps_the_order():
    rule = {"kind": "interval", "every": "10m", "jitter": "5h"}
    found = following(rule, LONDON, "2026-01-01", 300, start="2026-01-02")
    assert found[100:] == following(rule, LONDON, f"{found[99].at:%Y-%m-%dT%H:%M:%S}", 200, start="2026-01-02")
    for number, slot in enumerate(found):
        due = instant("2026-01-02") + timedelta(minutes=10) * number
        assert due <= slot.at < due + timedelta(minutes=10), "never as late as the next one"


def test_a_delay_stays_inside_its_length_and_the_span():
    found = following({"kind": "times", "at": ["09:30"], "jitter": "10m"}, LONDON, "2026-01-01", 300)
    delays = {slot.local.minute * 60 + slot.local.second - 1800 for slot in found}
    assert min(delays) >= 0 and max(delays) <= 600 and len(delays) > 150
    last = following({**WEEKDAYS, "jitter": "10m"}, "UTC", "2026-01-01", 2, end="2026-01-01T09:30:02")
    assert len(last) == 1 and last[0].at <= instant("2026-01-01T09:30:02")


def test_a_delayed_run_is_found_from_any_moment_before_it():
    rule = {"kind": "times", "at": ["09:30"], "jitter": "10h"}
    (slot,) = following(rule, "UTC", "2026-01-05T00:00", 1, start="2026-01-05")
    assert slot.at > instant("2026-01-05T09:31")
    for before in (slot.at - timedelta(seconds=1), instant("2026-01-05T09:30"), instant("2026-01-05T09:31")):
        assert engine.next_slot(plan(rule, "UTC", start="2026-01-05"), before) == slot


def test_a_run_that_is_delayed_into_a_day_off_is_skipped():
    rule = {"kind": "times", "at": ["23:59:58"], "jitter": "1h"}
    (slot,) = following(rule, LONDON, "2026-12-24T12:00", 1, calendar=days_off("2026-12-25"))
    assert f"{slot.local:%m-%d}" == "12-25" and slot.skipped == "holiday"


def test_start_and_end_are_included():
    rule = {"kind": "times", "at": ["09:30"]}
    assert local(rule, "UTC", "2026-01-01", 9, start="2026-03-01T09:30", end="2026-03-02T09:30") == [
        "2026-03-01T09:30+0000",
        "2026-03-02T09:30+0000",
    ]


def test_a_schedule_ends_by_itself():
    made = plan(WEEKDAYS, "UTC", end="2026-03-02T09:30")
    assert engine.next_run(made, instant("2026-03-02T09:29")).at == instant("2026-03-02T09:30")
    assert engine.next_run(made, instant("2026-03-02T09:30")) is None


def test_the_preview_has_the_names_of_the_contract():
    shown = engine.preview(plan(WEEKDAYS), instant("2026-11-20T12:00"), 1)
    assert shown == {
        "text": "Every weekday at 09:30 Europe/Amsterdam",
        "slots": [
            {
                "at": "2026-11-23T08:30:00Z",
                "local": "2026-11-23T09:30:00+01:00",
                "note": None,
                "skipped": None,
                "moved_from": None,
                "remark": None,
            }
        ],
    }


@pytest.mark.parametrize(
    "after, at, note, remark",
    [
        ("2027-03-27T12:00", "2027-03-28T01:00:00Z", "gap",
         "28 Mar 2027 02:30 does not exist in Europe/Amsterdam. The run will start at 03:00"),
        ("2027-10-30T12:00", "2027-10-31T00:30:00Z", "repeated",
         "31 Oct 2027 02:30 comes twice in Europe/Amsterdam. It runs once, the first time"),
    ],
)  # fmt: skip
def test_the_preview_marks_changes_of_clocks_and_shows_when_it_really_runs(after, at, note, remark):
    (slot,) = engine.preview(plan({"kind": "times", "at": "02:30"}), instant(after), 1)["slots"]
    assert (slot["at"], slot["note"], slot["remark"]) == (at, note, remark)


def test_the_preview_marks_days_off():
    skipping = engine.preview(plan(weekly("fri"), LONDON, calendar=days_off(*CHRISTMAS)), instant("2026-12-24"), 2)
    assert [(slot["at"][:10], slot["note"], slot["skipped"]) for slot in skipping["slots"]] == [
        ("2026-12-25", "holiday", "holiday"),
        ("2027-01-01", None, None),
    ]
    assert skipping["slots"][0]["remark"] == "Bank holiday: skipped"
    moving = plan(weekly("fri"), LONDON, calendar=days_off(*CHRISTMAS, policy="next_working_day"))
    moved = engine.preview(moving, instant("2026-12-24"), 1)["slots"][0]
    assert moved["at"] == "2026-12-29T09:30:00Z"
    assert (moved["note"], moved["moved_from"]) == ("holiday", "2026-12-25")
    assert moved["remark"] == "Bank holiday: moved here from 2026-12-25"


def test_the_preview_shows_a_busy_day_off_once():
    busy = plan({"kind": "interval", "every": "8h"}, "UTC", calendar=days_off("2026-12-25"))
    shown = engine.preview(busy, instant("2026-12-24T12:00"), 4)["slots"]
    assert [slot["at"] for slot in shown] == [
        "2026-12-24T16:00:00Z",
        "2026-12-25T00:00:00Z",
        "2026-12-26T00:00:00Z",
        "2026-12-26T08:00:00Z",
    ]


def test_the_preview_of_a_schedule_that_ends_is_short():
    assert engine.preview(plan({"kind": "once", "at": "2026-12-01T09:00"}), instant("2026-12-02"))["slots"] == []


def test_what_is_due_has_both_bounds_right():
    made, slot = plan(WEEKDAYS, "UTC"), instant("2026-03-02T09:30")
    assert [found.at for found in engine.due(made, slot - timedelta(seconds=1), slot).slots] == [slot]
    assert engine.due(made, slot, slot + timedelta(hours=1)) == ([], None)


def test_an_endless_outage_lists_the_newest_and_counts_the_rest():
    made, now = plan({"kind": "interval", "every": "1m"}, "UTC"), instant("2026-06-01T12:00")
    slots, earlier = engine.due(made, now - timedelta(hours=5), now, limit=100)
    assert [slots[0].at, slots[-1].at] == [now - timedelta(minutes=99), now]
    assert earlier == (200, now - timedelta(minutes=299), now - timedelta(minutes=100), False)
    slots, earlier = engine.due(made, now - timedelta(days=3650), now, limit=100)
    assert len(slots) == 100
    assert (earlier.total, earlier.more) == (10_000, True)


def test_what_a_calendar_skipped_is_not_counted_as_missed():
    made = plan({"kind": "interval", "every": "1m"}, "UTC", calendar=days_off("2026-06-01"))
    assert engine.due(made, instant("2026-06-01T00:30"), instant("2026-06-01T12:00"), limit=5).earlier is None


def test_slots_have_a_limit_and_an_end():
    made = plan({"kind": "interval", "every": "1h"}, "UTC")
    assert len(engine.slots(made, instant("2026-01-01"), instant("2026-01-02"), 100)) == 24
    assert len(engine.slots(made, instant("2026-01-01"), instant("2026-01-02"), 5)) == 5


def test_slots_can_be_copied_sent_and_written():
    (slot,) = following({"kind": "times", "at": "02:30"}, "Europe/Amsterdam", "2027-03-27T12:00", 1)
    assert copy.deepcopy(slot) == pickle.loads(pickle.dumps(slot)) == slot
    assert json.dumps(engine.as_json(plan(WEEKDAYS), slot))


def test_moments_in_other_zones_and_with_microseconds_are_understood():
    made, moment = plan(WEEKDAYS), instant("2026-11-23T08:30")
    assert engine.next_slot(made, (moment - timedelta(microseconds=1)).astimezone(made.zone)).at == moment
    assert engine.next_slot(made, (moment + timedelta(microseconds=1))).at > moment
