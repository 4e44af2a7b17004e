from __future__ import annotations

from datetime import date, timedelta

import pytest

from webapp.calendars import windows
from webapp.calendars.zones import zone


@pytest.mark.parametrize("text, second", [("00:00", 0), ("09:30", 34200), ("9:30", 34200), ("23:59:59", 86399)])
def test_times_of_day(text, second):
    assert windows.time_of_day(text) == second


@pytest.mark.parametrize("text", ["24:00", "12:60", "12:00:60", "9", "noon", "", "-1:00", "09:30pm", None])
def test_what_is_no_time_of_day_is_named(text):
    with pytest.raises(ValueError, match=r"is not a time of day\. Enter one from 00:00 to 23:59, like 09:30"):
        windows.time_of_day(text)


def test_a_window_is_read_and_said():
    assert windows.window(["09:00", "17:00"]) == (32400, 61200)
    assert str(windows.window(["09:00", "17:00:30"])) == "09:00–17:00:30"
    assert str(windows.window(["00:00", "24:00"])) == "00:00–24:00"


def test_a_window_over_midnight_is_said_outright():
    night = windows.window(["22:00", "06:00+1"])
    assert night.overnight
    assert str(night) == "22:00–06:00 (next day)"
    first, last = night.bounds(date(2026, 3, 28), zone("Europe/Amsterdam"))
    assert last.at - first.at == timedelta(hours=7), "the clocks skip an hour that night"


def test_a_reversed_window_says_what_to_do():
    with pytest.raises(ValueError) as refused:
        windows.window(["18:00", "09:00"])
    assert str(refused.value) == (
        "The end of the window must be later than 18:00. If it ends the next day, write 09:00+1"
    )


def test_a_window_has_a_length():
    with pytest.raises(ValueError, match="must be later than 09:00"):
        windows.window(["09:00", "09:00"])
    assert windows.window(["09:00", "09:00+1"]).end - 9 * 3600 == windows.DAY
    with pytest.raises(ValueError, match="at most 24 hours"):
        windows.window(["09:00", "10:00+1"])


@pytest.mark.parametrize("pair", ["09:00", ["09:00"], ["09:00", "10:00", "11:00"], 9, {"from": "09:00"}])
def test_a_window_is_two_times(pair):
    with pytest.raises(ValueError, match="Enter a start and an end, like 09:00 and 17:00"):
        windows.window(pair)
