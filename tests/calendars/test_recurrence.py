from __future__ import annotations

from datetime import date

import pytest

from webapp.calendars import recurrence

LAST = date(2032, 12, 31)


def dates(rule: str, first: str, until: date = LAST) -> list[str]:
    return [day.isoformat() for day in recurrence.dates(rule, date.fromisoformat(first), until)]


def test_daily_with_an_interval():
    assert dates("FREQ=DAILY;INTERVAL=10;COUNT=3", "2026-12-20") == ["2026-12-20", "2026-12-30", "2027-01-09"]


def test_weekly_on_the_day_it_began():
    assert dates("FREQ=WEEKLY;UNTIL=20260115", "2026-01-01") == ["2026-01-01", "2026-01-08", "2026-01-15"]


def test_weekly_on_several_days_begins_with_the_first_event():
    assert dates("FREQ=WEEKLY;BYDAY=MO,TH,FR;COUNT=4", "2026-01-01") == [
        "2026-01-01",
        "2026-01-02",
        "2026-01-05",
        "2026-01-08",
    ]


def test_every_other_week_depends_on_where_weeks_begin():
    """The example of RFC 5545, 3.3.10: the same rule with two week starts."""
    monday = dates("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05")
    sunday = dates("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05")
    assert monday == ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]
    assert sunday == ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]


@pytest.mark.parametrize(
    "rule, first, expected",
    [
        ("FREQ=YEARLY;COUNT=3", "2026-12-25", ["2026-12-25", "2027-12-25", "2028-12-25"]),
        ("FREQ=YEARLY;COUNT=3", "2024-02-29", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2", "2026-11-26", ["2026-11-26", "2027-11-25"]),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=2", "2026-05-25", ["2026-05-25", "2027-05-31"]),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1;COUNT=3", "2026-01-01", ["2026-01-01", "2026-07-01", "2027-01-01"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1;COUNT=3", "2026-02-28", ["2026-02-28", "2027-02-28", "2028-02-29"]),
        # Election day: the Tuesday after the first Monday.
        ("FREQ=YEARLY;INTERVAL=2;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=2", "2026-11-03",
         ["2026-11-03", "2028-11-07"]),
    ],
)  # fmt: skip
def test_yearly(rule, first, expected):
    assert dates(rule, first) == expected


@pytest.mark.parametrize(
    "rule, first, expected",
    [
        ("FREQ=MONTHLY;COUNT=3", "2026-01-31", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=1MO;COUNT=3", "2026-11-02", ["2026-11-02", "2027-01-04", "2027-03-01"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20270101", "2026-11-27", ["2026-11-27", "2026-12-25"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,1;COUNT=4", "2026-01-31", ["2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"]),
        ("FREQ=MONTHLY;BYMONTH=6,12;BYMONTHDAY=24;COUNT=3", "2026-06-24", ["2026-06-24", "2026-12-24", "2027-06-24"]),
    ],
)  # fmt: skip
def test_monthly(rule, first, expected):
    assert dates(rule, first) == expected


def test_the_year_9999_means_for_ever():
    assert dates("FREQ=YEARLY;UNTIL=99991231T000000Z", "2031-01-01") == ["2031-01-01", "2032-01-01"]


@pytest.mark.parametrize(
    "rule, message",
    [
        ("FREQ=HOURLY", "FREQ=HOURLY cannot be read. Use DAILY, WEEKLY, MONTHLY or YEARLY, or list the dates"),
        ("FREQ=DAILY;BYDAY=MO", "BYDAY cannot be read in a DAILY rule. List the dates instead"),
        ("FREQ=YEARLY;BYWEEKNO=3", "BYWEEKNO cannot be read in a YEARLY rule. List the dates instead"),
        ("FREQ=YEARLY;COUNT=1;UNTIL=20261231", "A rule has COUNT or UNTIL, never both. Remove one"),
        ("FREQ=YEARLY;COUNT=0", "COUNT goes from 1 to 99999"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH goes from 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=XX", '"XX" is not a weekday. Use MO, TU, WE, TH, FR, SA, SU, or 4TH for the '
         "fourth Thursday"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY in a WEEKLY rule takes plain days, like MO,FR"),
        ("FREQ=YEARLY;BYDAY=MO", "BYDAY in a YEARLY rule needs BYMONTH. Add it, or list the dates"),
        ("FREQ=YEARLY;UNTIL=soon", 'UNTIL "SOON" is not a date. Write one like 20261231'),
        ("FREQ", '"FREQ" is not part of a rule. Write NAME=value'),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_read(rule, message):
    with pytest.raises(ValueError) as refused:
        recurrence.parse(rule)
    assert str(refused.value) == message


def test_endless_repetition_is_bounded():
    with pytest.raises(ValueError, match="repeats more than 50000 times"):
        recurrence.dates("FREQ=DAILY", date(1900, 1, 1), date(2199, 12, 31))
