from __future__ import annotations

import pytest

from tests.schedules.stepping import error, following, instant, local, plan, words
from webapp.schedules import engine

LONDON = "Europe/London"


def test_it_comes_once():
    rule = {"kind": "once", "at": "2026-12-01T09:00"}
    assert local(rule, LONDON, "2026-11-01", 5) == ["2026-12-01T09:00+0000"]
    assert local(rule, LONDON, "2026-12-01T09:00", 5) == []


@pytest.mark.parametrize(
    "at",
    ["2026-07-01T09:00", "2026-07-01 9:00", "2026-07-01T09:00:00.000", "2026-07-01T08:00Z", "2026-07-01T10:00+02:00"],
)
def test_a_local_time_or_an_exact_instant(at):
    assert local({"kind": "once", "at": at}, LONDON, "2026-01-01", 2) == ["2026-07-01T09:00+0100"]


def test_words():
    assert words({"kind": "once", "at": "2026-12-01T09:00"}, LONDON) == "Once on 1 Dec 2026 at 09:00 Europe/London"
    assert words({"kind": "once", "at": "2026-12-01"}, LONDON) == "Once on 1 Dec 2026 at 00:00 Europe/London"


def test_what_has_passed_is_refused_when_it_is_entered():
    rule = {"kind": "once", "at": "2026-11-21T06:00"}
    expected = "21 Nov 2026 06:00 Europe/London has passed. Choose a later time"
    assert error(rule, now=instant("2026-11-21T06:00")) == ("at", expected)
    assert plan(rule, LONDON), "a stored rule is read whatever the time"


@pytest.mark.parametrize(
    "at, message",
    [
        (None, "Enter a date and time, like 2026-12-01T09:00"),
        ("tomorrow", '"tomorrow" is not a date and time. Enter one like 2026-12-01T09:00'),
        ("2026-02-30T09:00", "30 February 2026 does not exist. February 2026 has 28 days"),
        ("2026-12-01T25:00", '"25:00" is not a time of day. Enter one from 00:00 to 23:59, like 09:30'),
        ("2026-12-01T09:00+99:00", '"+99:00" is not an offset from UTC. Enter one like +01:00'),
        ("1969-12-01T09:00", "Enter a year from 1970 to 2199"),
        (["2026-12-01T09:00"], "\"['2026-12-01T09:00']\" is not a date and time. Enter one like 2026-12-01T09:00"),
    ],
)
def test_dates_that_cannot_be_used(at, message):
    assert error({"kind": "once", "at": at}) == ("at", message)


def test_a_time_inside_a_gap_says_when_it_will_run():
    rule = {"kind": "once", "at": "2027-03-28T01:30"}
    (slot,) = following(rule, LONDON, "2027-01-01", 2)
    assert slot.note == "gap"
    assert engine.remark(plan(rule, LONDON), slot) == (
        "28 Mar 2027 01:30 does not exist in Europe/London. The run will start at 02:00"
    )
