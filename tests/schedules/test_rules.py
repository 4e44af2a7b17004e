"""Reading a schedule: what is refused, at which field, in which words."""

from __future__ import annotations

import pytest

from tests.schedules.stepping import error, errors, instant, plan
from webapp.schedules import engine, rules

DAILY = {"kind": "times", "at": ["09:30"]}


@pytest.mark.parametrize(
    "rule, field, message",
    [
        (None, "rule", 'Enter a rule, like {"kind": "times", "at": ["09:30"]}'),
        ("0 9 * * *", "rule", 'Enter a rule, like {"kind": "times", "at": ["09:30"]}'),
        ([], "rule", 'Enter a rule, like {"kind": "times", "at": ["09:30"]}'),
        ({}, "kind", "Choose when it runs: once, times, interval, weekly, monthly, random or cron"),
        ({"kind": "dayly"}, "kind", 'There is no rule of kind "dayly". Did you mean daily?'),
        ({"kind": "moonphase"}, "kind",
         'There is no rule of kind "moonphase". Choose once, times, interval, weekly, monthly, random or cron'),
        ({**DAILY, "jitter": "soon"}, "jitter", "Enter a length like 90s, 15m or 1h"),
        ({**DAILY, "jitter": "2d"}, "jitter", "The delay goes up to 24h. Choose a shorter one"),
        ({**DAILY, "timezone": "UTC"}, "timezone",
         'A rule of kind times has no "timezone". It takes days, at and jitter'),
        ({"kind": "daily", "att": "9:30", "at": "9:30"}, "att", 'A rule of kind daily has no "att". Did you mean at?'),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_used(rule, field, message):
    assert error(rule) == (field, message)


def test_the_zone_is_checked_with_the_rule():
    assert errors({"kind": "weekly", "at": "25:00"}, "Europe/Londn") == [
        ("timezone", 'There is no time zone "Europe/Londn". Did you mean Europe/London?'),
        ("days", "Choose at least one day, like mon"),
        ("at", '"25:00" is not a time of day. Enter one from 00:00 to 23:59, like 09:30'),
    ]


def test_the_error_lists_fields_as_the_api_answers_them():
    with pytest.raises(rules.RuleError) as refused:
        rules.parse({"kind": "weekly", "at": "09:30"})
    assert refused.value.errors == [{"field": "days", "message": "Choose at least one day, like mon"}]
    assert str(refused.value) == "days: Choose at least one day, like mon"


@pytest.mark.parametrize(
    "span, field, message",
    [
        ({"start": "2026-12-01T09:00", "end": "2026-12-01T09:00"}, "end",
         "The end of the window must be later than 1 Dec 2026 09:00"),
        ({"start": "2026-12-02", "end": "2026-12-01"}, "end",
         "The end of the window must be later than 2 Dec 2026 00:00"),
        ({"start": "2026-02-30"}, "start", "30 February 2026 does not exist. February 2026 has 28 days"),
        ({"end": "later"}, "end", '"later" is not a date and time. Enter one like 2026-12-01T09:00'),
        ({"end": "2026-11-20T17:00", "now": instant("2026-11-21")}, "end",
         "20 Nov 2026 17:00 Europe/London has passed. Choose a later time"),
    ],
)  # fmt: skip
def test_a_span_that_cannot_be_used(span, field, message):
    assert error(DAILY, **span) == (field, message)


def test_a_bare_date_as_the_end_means_all_of_that_day():
    made = plan(DAILY, "Europe/London", start="2026-12-01", end="2026-12-02")
    assert [slot.local.day for slot in engine.slots(made, instant("2026-01-01"), instant("2027-01-01"), 9)] == [1, 2]


def test_start_and_end_may_be_instants():
    made = plan(DAILY, "Europe/London", start=instant("2026-07-01T08:30"), end=instant("2026-07-02T08:30"))
    assert [slot.local.day for slot in engine.slots(made, instant("2026-01-01"), instant("2027-01-01"), 9)] == [1, 2]


def test_empty_fields_of_a_form_count_as_left_out():
    assert plan({**DAILY, "days": [], "jitter": ""}) == plan(DAILY)


def test_texts_follow_the_house_rules():
    """No apologies and no jargon, in any message that the tests of this package provoke."""
    wrong = [{"kind": kind, "at": "?", "every": "?", "day": "?", "days": "?", "expr": "?"} for kind in rules.OFFERED]
    for _, message in [found for rule in wrong for found in errors(rule, "?")]:
        assert not {"please", "sorry", "invalid", "oops"} & set(message.lower().split())
        assert message[0].isupper() or message[0] == '"'
