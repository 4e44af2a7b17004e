from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.schedules.stepping import error, following, local, words


def every(length: str, **rest) -> dict:
    return {"kind": "interval", "every": length, **rest}


def test_both_ends_of_the_window_are_included():
    rule = every("4h", between=["09:00", "17:00"])
    assert local(rule, "Europe/Amsterdam", "2026-01-01T11:00", 4) == [
        "2026-01-01T13:00+0100",
        "2026-01-01T17:00+0100",
        "2026-01-02T09:00+0100",
        "2026-01-02T13:00+0100",
    ]


def test_it_starts_anew_with_each_window():
    rule = every("7h", between=["09:00", "17:00"], days=["mon", "fri"])
    assert local(rule, "UTC", "2026-01-01", 5) == [
        "2026-01-02T09:00+0000",
        "2026-01-02T16:00+0000",
        "2026-01-05T09:00+0000",
        "2026-01-05T16:00+0000",
        "2026-01-09T09:00+0000",
    ]


def test_a_window_over_midnight_belongs_to_the_day_it_starts():
    rule = every("3h", between=["22:00", "04:00+1"], days=["fri"])
    assert local(rule, "UTC", "2026-01-02T23:00", 3) == [
        "2026-01-03T01:00+0000",
        "2026-01-03T04:00+0000",
        "2026-01-09T22:00+0000",
    ]


def test_a_window_up_to_midnight_includes_it():
    rule = every("12h", between=["00:00", "24:00"], days=["fri"])
    assert local(rule, "UTC", "2026-01-02T01:00", 3) == [
        "2026-01-02T12:00+0000",
        "2026-01-03T00:00+0000",
        "2026-01-09T00:00+0000",
    ]


def test_whole_days_end_before_midnight():
    rule = every("12h", days=["fri"])
    assert local(rule, "UTC", "2026-01-02T01:00", 2) == ["2026-01-02T12:00+0000", "2026-01-09T00:00+0000"]


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Europe/Lisbon", "Pacific/Apia"])
@pytest.mark.parametrize("length", ["90s", "7m", "30m", "1h", "36h"])
def test_without_a_window_it_never_stretches_nor_shrinks(zone, length):
    found = following(every(length), zone, "2026-03-06", 400) + following(every(length), zone, "2026-10-24", 1000)
    gaps = {later.at - earlier.at for earlier, later in pairwise(found[:400])}
    gaps |= {later.at - earlier.at for earlier, later in pairwise(found[400:])}
    assert len(gaps) == 1
    assert all(slot.note is None for slot in found)


def test_hours_fall_on_the_hours_of_the_zone():
    assert local(every("6h"), "Asia/Kathmandu", "2026-01-01", 2) == ["2026-01-01T06:00+0545", "2026-01-01T12:00+0545"]


def test_a_schedule_with_a_start_counts_from_it():
    assert local(every("15m"), "UTC", "2026-01-01", 3, start="2026-01-02T10:07") == [
        "2026-01-02T10:07+0000",
        "2026-01-02T10:22+0000",
        "2026-01-02T10:37+0000",
    ]


def test_both_passes_of_a_repeated_hour_count():
    found = local(every("30m", between=["00:00", "03:00"]), "America/New_York", "2027-11-07T03:30", 9)
    assert found == [
        "2027-11-07T00:00-0400",
        "2027-11-07T00:30-0400",
        "2027-11-07T01:00-0400",
        "2027-11-07T01:30-0400",
        "2027-11-07T01:00-0500",
        "2027-11-07T01:30-0500",
        "2027-11-07T02:00-0500",
        "2027-11-07T02:30-0500",
        "2027-11-07T03:00-0500",
    ]


def test_a_skipped_hour_leaves_no_hole():
    found = following(every("30m", between=["00:00", "05:00"]), "America/New_York", "2027-03-14T04:30", 9)
    assert {later.at - earlier.at for earlier, later in pairwise(found)} == {timedelta(minutes=30)}
    assert f"{found[-1].local:%H:%M}" == "05:00"


def test_a_window_that_starts_in_a_gap_starts_right_after_it():
    first = following(every("20m", between=["02:10", "04:00"]), "Europe/Amsterdam", "2027-03-27T12:00", 1)[0]
    assert (f"{first.local:%m-%d %H:%M}", first.note) == ("03-28 03:00", "gap")


@pytest.mark.parametrize(
    "rule, text",
    [
        (every("15m"), "Every 15 minutes"),
        (every("1h"), "Every hour"),
        (every("90m"), "Every 90 minutes"),
        (every("150m"), "Every 2 hours 30 minutes"),
        (every("24h"), "Every 24 hours"),
        (every("3d"), "Every 3 days"),
        (every("1s"), "Every second"),
        (every("15m", between=["09:00", "17:00"]), "Every 15 minutes, 09:00–17:00 Europe/Amsterdam"),
        (every("15m", between=["22:00", "06:00+1"], days=["mon", "tue", "wed", "thu", "fri"]),
         "Every 15 minutes on weekdays, 22:00–06:00 (next day) Europe/Amsterdam"),
        (every("15m", days=["sat", "sun"]), "Every 15 minutes on Saturdays and Sundays, Europe/Amsterdam"),
    ],
)  # fmt: skip
def test_words(rule, text):
    assert words(rule) == text


@pytest.mark.parametrize(
    "rule, field, message",
    [
        ({"kind": "interval"}, "every", "Enter how often it runs, like 15m"),
        (every("often"), "every", "Enter a length like 90s, 15m or 1h"),
        (every("0s"), "every", "Enter a length from 1s to 366d, like 15m"),
        (every("-5m"), "every", "Enter a length like 90s, 15m or 1h"),
        (every("15m", between=["18:00", "09:00"]), "between",
         "The end of the window must be later than 18:00. If it ends the next day, write 09:00+1"),
        (every("36h", days=["mon"]), "every",
         "With a window or days, this goes up to 24h. Choose a shorter length"),
        (every("15m", at="09:00"), "at",
         'A rule of kind interval has no "at". It takes every, between, days and jitter'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field(rule, field, message):
    assert error(rule) == (field, message)
