from __future__ import annotations

from tests.schedules.stepping import error, local, words


def test_somebody_looks_every_minute():
    rule = {"kind": "freshness", "every": "24h"}
    assert local(rule, "UTC", "2026-01-01T09:00:30", 2) == ["2026-01-01T09:01+0000", "2026-01-01T09:02+0000"]


def test_words():
    assert words({"kind": "freshness", "every": "24h"}) == "Every 24 hours for each object, checked every minute"


def test_it_needs_a_length_of_a_minute_or_more():
    assert error({"kind": "freshness"}) == ("every", "Enter how fresh each object must be, like 24h")
    assert error({"kind": "freshness", "every": "30s"}) == (
        "every",
        "Members are looked at each minute. Enter 1m or more",
    )
