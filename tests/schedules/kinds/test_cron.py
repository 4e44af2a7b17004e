from __future__ import annotations

from datetime import UTC, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schedules.stepping import error, errors, following, instant, local, plan, words
from tests.schedules.strategies import FULL, cron
from webapp.calendars.zones import DAY, offset, zone
from webapp.schedules import engine

NEW_YORK = "America/New_York"


def expr(text: str) -> dict:
    return {"kind": "cron", "expr": text}


def after(text: str, since: str, count: int, tz: str = "UTC") -> list[str]:
    return local(expr(text), tz, since, count)


# The behaviours that were tried before the choice of a library fell: New York, 2027.


def test_spring_a_fixed_time_in_the_gap_runs_once_right_after_it():
    assert after("30 2 * * *", "2027-03-13T12:00", 2, NEW_YORK) == ["2027-03-14T03:00-0400", "2027-03-15T02:30-0400"]


def test_fall_a_fixed_time_that_comes_twice_runs_once():
    assert after("30 1 * * *", "2027-11-06T12:00", 2, NEW_YORK) == ["2027-11-07T01:30-0400", "2027-11-08T01:30-0500"]


@pytest.mark.parametrize("text, minutes", [("*/30 * * * *", 30), ("0 * * * *", 60), ("*/30 * * * * *", 0.5)])
@pytest.mark.parametrize("since", ["2027-11-07T03:00", "2027-03-14T05:00"])
def test_wildcards_run_through_both_passes_and_over_the_gap_evenly(text, minutes, since):
    found = following(expr(text), NEW_YORK, since, 9)
    step = timedelta(minutes=minutes)
    assert [slot.at for slot in found] == [instant(since) + step * number for number in range(1, 10)]


def test_half_an_hour_of_change():
    assert after("*/10 2 * * *", "2026-04-04T15:00", 3, "Australia/Lord_Howe") == [
        "2026-04-05T02:00+1030",
        "2026-04-05T02:10+1030",
        "2026-04-05T02:20+1030",
    ]
    assert after("*/10 2 * * *", "2026-10-03T15:00", 3, "Australia/Lord_Howe") == [
        "2026-10-04T02:30+1100",
        "2026-10-04T02:40+1100",
        "2026-10-04T02:50+1100",
    ]


def test_a_wildcard_hour_that_is_skipped_does_not_run():
    assert after("*/20 0 * * *", "2026-04-23T22:00", 1, "Africa/Cairo") == ["2026-04-25T00:00+0300"]
    assert after("*/20 2 28 3 *", "2027-03-01", 1, "Europe/Amsterdam") == ["2028-03-28T02:00+0200"]


def test_a_yearly_wildcard_in_a_repeated_hour_runs_in_both_passes():
    assert after("*/30 2 25 10 *", "2026-10-01", 5, "Europe/Amsterdam") == [
        "2026-10-25T02:00+0200",
        "2026-10-25T02:30+0200",
        "2026-10-25T02:00+0100",
        "2026-10-25T02:30+0100",
        "2027-10-25T02:00+0200",
    ]


def test_six_fields_with_fixed_times_follow_the_same_rule_as_five():
    assert after("0 30 1 * * *", "2027-11-06T12:00", 2, NEW_YORK) == ["2027-11-07T01:30-0400", "2027-11-08T01:30-0500"]


@settings(max_examples=300 if FULL else 40, deadline=None, database=None)
@given(cron, st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Europe/Amsterdam"]), st.integers(0, 600))
def test_away_from_changes_of_clocks_it_agrees_with_cronsim(rule, name, day):
    tz = zone(name)
    text = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}.get(
        rule["expr"], rule["expr"].replace("@yearly", "0 0 1 1 *")
    )
    begin = instant("2026-01-01") + timedelta(days=day)
    theirs = [at.astimezone(UTC) for at in islice(CronSim(text, begin.astimezone(tz)), 50)]
    ours = [slot.at for slot in engine.slots(plan(rule, name), begin, theirs[-1], 1000)]

    def ordinary(at):
        return offset(at - DAY, tz) == offset(at + DAY, tz)

    assert list(filter(ordinary, ours)) == list(filter(ordinary, theirs))


@pytest.mark.parametrize(
    "text, since, expected",
    [
        ("0 0 13 * 5", "2026-02-01", ["2026-02-06", "2026-02-13", "2026-02-20"]),  # either: Vixie's rule
        ("0 0 */2 * 1", "2026-02-01", ["2026-02-09", "2026-02-23", "2026-03-09"]),  # a star: both
        ("0 0 L * *", "2026-02-01", ["2026-02-28", "2026-03-31", "2026-04-30"]),
        ("0 0 LW * *", "2026-02-01", ["2026-02-27", "2026-03-31", "2026-04-30"]),
        ("0 0 * * 5L", "2026-02-01", ["2026-02-27", "2026-03-27", "2026-04-24"]),
        ("0 0 * * MON#1", "2026-02-01", ["2026-02-02", "2026-03-02", "2026-04-06"]),
        ("0 0 * jan-mar/2 sun", "2026-02-01", ["2026-03-01", "2026-03-08", "2026-03-15"]),
        ("0 0 1 1 *", "2026-02-01", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("0 0 29 2 *", "2026-02-01", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 31 * *", "2026-02-01", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("0 0 * * 7", "2026-02-02", ["2026-02-08", "2026-02-15", "2026-02-22"]),
        ("@monthly", "2026-02-01", ["2026-03-01", "2026-04-01", "2026-05-01"]),
        ("@Yearly", "2026-02-01", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("@annually", "2026-02-01", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("@weekly", "2026-02-01", ["2026-02-08", "2026-02-15", "2026-02-22"]),
        ("@midnight", "2026-02-01", ["2026-02-02", "2026-02-03", "2026-02-04"]),
    ],
)
def test_dates(text, since, expected):
    assert [found[:10] for found in after(text, since, 3)] == expected


def test_hourly_and_seconds():
    assert after("@hourly", "2026-01-01T00:30", 1) == ["2026-01-01T01:00+0000"]
    found = following(expr("*/20 59 23 * * *"), "UTC", "2026-01-01", 3)
    assert [f"{slot.local:%H:%M:%S}" for slot in found] == ["23:59:00", "23:59:20", "23:59:40"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("30 9 * * 1-5", "Every weekday at 09:30 Europe/London"),
        ("0 9,17 * * *", "Every day at 09:00 and 17:00 Europe/London"),
        ("5 4 * * sun", "Every Sunday at 04:05 Europe/London"),
        ("0 0 15 * *", "On day 15 of each month at 00:00 Europe/London"),
        ("0 0 L * *", "On the last day of each month at 00:00 Europe/London"),
        ("0 0 * * 5L", "On the last Friday of each month at 00:00 Europe/London"),
        ("0 0 * * 1#2", "On the second Monday of each month at 00:00 Europe/London"),
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("@hourly", "Every hour"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes on weekdays, 09:00–17:45 Europe/London"),
        ("*/5 * * * 6,0", "Every 5 minutes on Saturdays and Sundays, Europe/London"),
        ("0 9-17 * * *", "Every hour, 09:00–17:00 Europe/London"),
        ("*/7 * * * *", "Every seventh minute of every hour, Europe/London"),
        ("0 0 31 * *", "At 00:00 on the 31st day of every month, Europe/London"),
        ("0 0 * * 1,3#2", "At 00:00 on Monday and the second Wednesday of the month, Europe/London"),
        ("0 0 13 * 5", "At 00:00 on the 13th day of month and on Friday (one of the two is enough), Europe/London"),
    ],
)
def test_words(text, said):
    assert words(expr(text), "Europe/London") == said


@pytest.mark.parametrize(
    "text, message",
    [
        ("61 * * * *", '"61 * * * *": minutes go from 0 to 59. Change the first field'),
        ("* 24 * * *", '"* 24 * * *": hours go from 0 to 23. Change the second field'),
        ("* * 0 * *", '"* * 0 * *": days of the month go from 1 to 31. Change the third field'),
        ("* * * 13 *", '"* * * 13 *": months go from 1 to 12. Change the fourth field'),
        ("* * * * 8", '"* * * * 8": days of the week go from 0 to 7. Change the fifth field'),
        ("60 0 0 1 1 *", '"60 0 0 1 1 *": seconds go from 0 to 59. Change the first field'),
        ("0 60 0 1 1 *", '"0 60 0 1 1 *": minutes go from 0 to 59. Change the second field'),
        ("1-x * * * *", '"1-x * * * *": minutes go from 0 to 59, and "X" is none of them. Change the first field'),
        ("1,,2 * * * *", '"1,,2 * * * *": minutes go from 0 to 59, and "" is none of them. Change the first field'),
        ("* * * JANU *",
         '"* * * JANU *": months go from 1 to 12 or JAN to DEC, and "JANU" is none of them. Change the fourth field'),
        ("* * L-3 * *",
         '"* * L-3 * *": days of the month go from 1 to 31, and "L" is none of them. Change the third field'),
        ("*/0 * * * *", '"*/0 * * * *": steps of minutes go from 1 to 59. Change the first field'),
        ("0 0 * * 5L/2", '"0 0 * * 5L/2": 5L takes no step. Change the fifth field'),
        ("0 0 L/2 * *", '"0 0 L/2 * *": L takes no step. Change the third field'),
        ("*/90 * * * *", '"*/90 * * * *": steps of minutes go from 1 to 59. Change the first field'),
        ("0 22-6 * * *", '"0 22-6 * * *": 22-6 runs backwards. Write 22-23,0-6. Change the second field'),
        ("0 0 * * FRI-SUN", '"0 0 * * FRI-SUN": FRI-SUN runs backwards. Write FRI-SAT,SUN. Change the fifth field'),
        ("0 0 ? * 1", '"0 0 ? * 1": ? comes from another dialect. Write * instead. Change the third field'),
        ("H * * * *", '"H * * * *": H asks for a time by chance. Use a rule of kind random. Change the first field'),
        ("0~30 * * * *",
         '"0~30 * * * *": 0~30 asks for a time by chance. Use a rule of kind random. Change the first field'),
        ("0 0 15W * *",
         '"0 0 15W * *": 15W, the working day nearest a date, cannot be used. Write the date and add a calendar. '
         "Change the third field"),
        ("0 0 30 2 *", '"0 0 30 2 *": February never has a day 30. Change the third or the fourth field'),
        ("0 0 31 4,6 *", '"0 0 31 4,6 *": April and June never have a day 31. Change the third or the fourth field'),
        ("0 0 0 30 2 *", '"0 0 0 30 2 *": February never has a day 30. Change the fourth or the fifth field'),
        ("* * * *", '"* * * *" has 4 fields. Cron has five, or six with the seconds first'),
        ("*", '"*" has 1 field. Cron has five, or six with the seconds first'),
        ("0 0 1 1 * * 2027", '"0 0 1 1 * * 2027" has 7 fields. Cron has five, or six with the seconds first'),
        ("CRON_TZ=UTC 0 0 * * *", "Only the five or six fields belong here. Choose the time zone in its own field"),
        ("@reboot", '"@reboot" follows a machine\'s start, not the clock. Choose a time, like @daily'),
        ("@every 90s", '"@every" is an interval, not a cron time. Use a rule of kind interval, like 15m'),
        ("@fortnightly",
         'There is no "@fortnightly". Use @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually'),
        ("٣ * * * *", '"٣ * * * *": minutes go from 0 to 59, and "٣" is none of them. Change the first field'),
        ("1," * 200 + "1 * * * *", "A cron expression has at most 300 characters. Use several schedules"),
        ("", "Enter a cron expression, like 30 9 * * 1-5"),
    ],
)  # fmt: skip
def test_a_wrong_expression_says_which_field_to_change(text, message):
    assert error(expr(text)) == ("expr", message)


@settings(max_examples=2000 if FULL else 200, deadline=None, database=None)
@given(st.text(alphabet="0123456789*/,-LW#? @abcdefjmnoqrstuvyz\t²٣", max_size=25))
def test_whatever_is_typed_is_read_or_refused_in_words(text):
    for field, message in errors(expr(text)):
        assert field == "expr"
        assert message[0] in '"ETOCA' and "Bad" not in message
