from __future__ import annotations

import pytest

from tests.schedules.stepping import error, errors, following, local, words

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def daily(*at: str) -> dict:
    return {"kind": "times", "at": list(at)}


def test_every_day_at_each_time():
    assert local(daily("17:00", "09:30"), "Europe/Amsterdam", "2026-01-01T12:00", 3) == [
        "2026-01-01T17:00+0100",
        "2026-01-02T09:30+0100",
        "2026-01-02T17:00+0100",
    ]


def test_only_on_some_days():
    rule = {**daily("09:30"), "days": ["Fri", "monday"]}
    assert local(rule, "UTC", "2026-01-01T12:00", 3) == [
        "2026-01-02T09:30+0000",
        "2026-01-05T09:30+0000",
        "2026-01-09T09:30+0000",
    ]


@pytest.mark.parametrize(
    "zone, after, at, days",
    [
        ("America/New_York", "2027-03-13T12:00", "02:30", ["2027-03-14T03:00-0400", "2027-03-15T02:30-0400"]),
        ("Europe/Amsterdam", "2027-03-27T12:00", "02:30", ["2027-03-28T03:00+0200", "2027-03-29T02:30+0200"]),
        ("Europe/Lisbon", "2027-03-27T12:00", "01:30", ["2027-03-28T02:00+0100", "2027-03-29T01:30+0100"]),
        ("Australia/Lord_Howe", "2026-10-03T12:00", "02:10", ["2026-10-04T02:30+1100", "2026-10-05T02:10+1100"]),
        ("Africa/Cairo", "2026-04-23T12:00", "00:30", ["2026-04-24T01:00+0300", "2026-04-25T00:30+0300"]),
        ("Pacific/Apia", "2011-12-30T00:00", "09:00", ["2011-12-31T00:00+1400", "2011-12-31T09:00+1400"]),
    ],
)
def test_a_skipped_time_runs_at_the_first_minute_after(zone, after, at, days):
    assert local(daily(at), zone, after, 2) == days
    assert following(daily(at), zone, after, 1)[0].note == "gap"


@pytest.mark.parametrize(
    "zone, after, at, days",
    [
        ("America/New_York", "2027-11-06T12:00", "01:30", ["2027-11-07T01:30-0400", "2027-11-08T01:30-0500"]),
        ("Europe/Amsterdam", "2026-10-24T12:00", "02:30", ["2026-10-25T02:30+0200", "2026-10-26T02:30+0100"]),
        ("Europe/Lisbon", "2026-10-24T12:00", "01:30", ["2026-10-25T01:30+0100", "2026-10-26T01:30+0000"]),
        ("Australia/Lord_Howe", "2026-04-04T12:00", "01:45", ["2026-04-05T01:45+1100", "2026-04-06T01:45+1030"]),
        ("America/Santiago", "2026-04-04T12:00", "23:30", ["2026-04-04T23:30-0300", "2026-04-05T23:30-0400"]),
    ],
)
def test_a_time_that_comes_twice_runs_once_the_first_time(zone, after, at, days):
    assert local(daily(at), zone, after, 2) == days
    assert following(daily(at), zone, after, 1)[0].note == "repeated"


def test_between_the_two_passes_nothing_runs_again():
    assert local(daily("01:30", "01:45"), "America/New_York", "2027-11-07T05:50", 1) == ["2027-11-08T01:30-0500"]


def test_several_times_in_one_gap_are_one_slot():
    found = local(daily("02:00", "02:30", "02:59", "03:00", "03:30"), "Europe/Amsterdam", "2027-03-27T12:00", 3)
    assert found == ["2027-03-28T03:00+0200", "2027-03-28T03:30+0200", "2027-03-29T02:00+0200"]


@pytest.mark.parametrize(
    "rule, text",
    [
        (daily("09:30"), "Every day at 09:30 Europe/Amsterdam"),
        ({**daily("09:30"), "days": WEEKDAYS}, "Every weekday at 09:30 Europe/Amsterdam"),
        ({**daily("09:30", "17:00"), "days": ["sat", "sun"]},
         "Every Saturday and Sunday at 09:30 and 17:00 Europe/Amsterdam"),
        ({**daily("09:30:15"), "days": ["wed", "mon", "fri"]},
         "Every Monday, Wednesday and Friday at 09:30:15 Europe/Amsterdam"),
        ({"kind": "daily", "at": "6:00"}, "Every day at 06:00 Europe/Amsterdam"),
    ],
)  # fmt: skip
def test_words(rule, text):
    assert words(rule) == text


@pytest.mark.parametrize(
    "rule, field, message",
    [
        ({"kind": "times"}, "at", "Enter at least one time, like 09:30"),
        (daily(), "at", "Enter at least one time, like 09:30"),
        ({"kind": "times", "at": 930}, "at", "Enter at least one time, like 09:30"),
        (daily(*["09:30"] * 101), "at", "A rule has at most 100 times. Use an interval, or several schedules"),
        (daily("25:00"), "at", '"25:00" is not a time of day. Enter one from 00:00 to 23:59, like 09:30'),
        ({**daily("09:30"), "days": ["mom"]}, "days", '"mom" is not a day of the week. Did you mean mon?'),
        ({**daily("09:30"), "days": [1, 2]}, "days",
         '"1" is not a day of the week. Use mon, tue, wed, thu, fri, sat, sun'),
        ({**daily("09:30"), "days": 5}, "days", "Choose at least one day, like mon"),
        ({**daily("09:30"), "day": ["mon"]}, "day", 'A rule of kind times has no "day". Did you mean days?'),
        ({**daily("09:30"), "zone": "UTC"}, "zone", 'A rule of kind times has no "zone". It takes days, at and jitter'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field(rule, field, message):
    assert error(rule) == (field, message)


def test_every_wrong_field_is_named_at_once():
    assert [field for field, _ in errors({"kind": "times", "at": ["x"], "days": ["y"], "evry": 1, "jitter": "1y"})] == [
        "days",
        "at",
        "jitter",
        "evry",
    ]
