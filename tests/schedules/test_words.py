from __future__ import annotations

import pytest

from webapp.schedules.words import every_words, length_words, listed


@pytest.mark.parametrize(
    "seconds, text",
    [
        (1, "1 second"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (150, "2 minutes 30 seconds"),
        (5400, "90 minutes"),
        (7261, "2 hours 1 minute 1 second"),
        (86400, "24 hours"),
        (129600, "36 hours"),
        (172800, "2 days"),
        (180000, "2 days 2 hours"),
    ],
)
def test_lengths(seconds, text):
    assert length_words(seconds) == text


def test_every():
    assert [every_words(seconds) for seconds in (1, 60, 900, 3600)] == [
        "Every second",
        "Every minute",
        "Every 15 minutes",
        "Every hour",
    ]


def test_lists():
    assert listed(["mon"]) == "mon"
    assert listed(["mon", "tue"]) == "mon and tue"
    assert listed(["mon", "tue", "wed"], "or") == "mon, tue or wed"
