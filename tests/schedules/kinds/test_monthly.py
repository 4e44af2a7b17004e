from __future__ import annotations

import pytest

from tests.schedules.stepping import error, local, words


def monthly(**which) -> dict:
    return {"kind": "monthly", "at": ["02:00"], **which}


def dates(rule: dict, after: str, count: int) -> list[str]:
    return [text[:10] for text in local(rule, "UTC", after, count)]


def test_day_31_is_the_last_day_of_every_month():
    expected = ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30", "2028-05-31"]
    assert dates(monthly(day=31), "2028-01-01", 5) == expected
    assert dates(monthly(day="last"), "2028-01-01", 5) == expected


def test_days_29_and_30_move_up_in_february():
    assert dates(monthly(day=30), "2026-01-01", 3) == ["2026-01-30", "2026-02-28", "2026-03-30"]
    assert dates(monthly(day=29), "2027-12-30", 3) == ["2028-01-29", "2028-02-29", "2028-03-29"]


@pytest.mark.parametrize(
    "nth, expected",
    [
        (["last", "fri"], ["2026-01-30", "2026-02-27", "2026-03-27"]),
        (["first", "mon"], ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ([2, "tue"], ["2026-01-13", "2026-02-10", "2026-03-10"]),
        (["-1", "sun"], ["2026-01-25", "2026-02-22", "2026-03-29"]),
        (["fifth", "thu"], ["2026-01-29", "2026-04-30", "2026-07-30"]),
    ],
)
def test_the_nth_of_a_weekday(nth, expected):
    assert dates(monthly(nth=nth), "2026-01-01", 3) == expected


@pytest.mark.parametrize(
    "which, text",
    [
        ({"day": 15}, "On day 15 of each month at 02:00 Europe/Amsterdam"),
        ({"day": 31}, "On the last day of each month at 02:00 Europe/Amsterdam"),
        ({"day": 30}, "On day 30 of each month (the last day of shorter months) at 02:00 Europe/Amsterdam"),
        ({"nth": ["last", "fri"]}, "On the last Friday of each month at 02:00 Europe/Amsterdam"),
        ({"nth": ["5", "sat"]}, "On the fifth Saturday of the months that have one at 02:00 Europe/Amsterdam"),
    ],
)
def test_words(which, text):
    assert words(monthly(**which)) == text


@pytest.mark.parametrize(
    "which, field, message",
    [
        ({}, "day", "Choose a day of the month, or which weekday of the month"),
        ({"day": 0}, "day", "Days of the month go from 1 to 31; 31 is the last day of every month"),
        ({"day": 32}, "day", "Days of the month go from 1 to 31; 31 is the last day of every month"),
        ({"day": True}, "day", "Days of the month go from 1 to 31; 31 is the last day of every month"),
        ({"nth": ["sixth", "fri"]}, "nth",
         '"sixth" is not a position in the month. Use first, second, third, fourth, fifth or last'),
        ({"nth": ["last", "fryday"]}, "nth", '"fryday" is not a day of the week. Did you mean fri?'),
        ({"nth": "last fri"}, "nth", 'Enter which one and the day, like ["last", "fri"]'),
        ({"day": 1, "nth": ["last", "fri"]}, "nth",
         "Choose a day of the month or a weekday of the month. Remove one of them"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field(which, field, message):
    assert error(monthly(**which)) == (field, message)
