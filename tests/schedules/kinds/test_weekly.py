from __future__ import annotations

import pytest

from tests.schedules.stepping import error, local, words


def test_on_its_days():
    rule = {"kind": "weekly", "days": ["sun", "wed"], "at": ["09:30"]}
    assert local(rule, "Europe/Amsterdam", "2026-03-25T08:30", 3) == [
        "2026-03-29T09:30+0200",
        "2026-04-01T09:30+0200",
        "2026-04-05T09:30+0200",
    ]


def test_a_week_without_the_hour():
    rule = {"kind": "weekly", "days": ["sun"], "at": ["02:15", "02:45"]}
    assert local(rule, "Europe/Amsterdam", "2026-03-26", 2) == ["2026-03-29T03:00+0200", "2026-04-05T02:15+0200"]


def test_words():
    assert words({"kind": "weekly", "days": ["mon"], "at": ["09:30"]}) == "Every Monday at 09:30 Europe/Amsterdam"
    assert (
        words({"kind": "weekly", "days": "mon, tue wed thu fri", "at": "9:30"}, "UTC") == "Every weekday at 09:30 UTC"
    )


@pytest.mark.parametrize("days", [None, [], ""])
def test_it_needs_a_day(days):
    assert error({"kind": "weekly", "days": days, "at": ["09:30"]}) == ("days", "Choose at least one day, like mon")
