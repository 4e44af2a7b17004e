from __future__ import annotations

from datetime import date

import pytest

from webapp.calendars.days import Day, DaysOff, ListError, by_date, every, read_date, read_list, year_view

CHRISTMAS = {date(2026, 12, 25): "Christmas Day", date(2026, 12, 28): "Boxing Day (observed)"}
OFF = DaysOff("UK holidays", CHRISTMAS)
THURSDAY, FRIDAY, TUESDAY = date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 29)


def test_a_list_has_dates_and_ranges():
    text = "# closures\n2026-12-25 Christmas\n\n2026-12-30..2027-01-01  Closed for the year\n2027-05-05\n"
    assert read_list(text) == [
        Day(date(2026, 12, 25), "Christmas"),
        Day(date(2026, 12, 30), "Closed for the year"),
        Day(date(2026, 12, 31), "Closed for the year"),
        Day(date(2027, 1, 1), "Closed for the year"),
        Day(date(2027, 5, 5), ""),
    ]


def test_every_wrong_line_is_named():
    with pytest.raises(ListError) as refused:
        read_list("2026-02-30 Party\n2026-12-25 Christmas\nsoon\n2026-12-31..2026-12-24 Closed\n2026-01-01..2028-01-01")
    assert refused.value.errors == [
        {"line": 1, "message": "30 February 2026 does not exist. February 2026 has 28 days"},
        {"line": 3, "message": "Begin with a date, like 2026-12-25 Christmas or 2026-12-24..2026-12-31 Closed"},
        {"line": 4, "message": "The range ends before it begins. Write 2026-12-24..2026-12-31"},
        {"line": 5, "message": "A range covers at most a year. Split it"},
    ]


def test_a_list_has_a_limit():
    with pytest.raises(ListError, match="at most 5000 lines"):
        read_list("2026-01-01\n" * 5001)
    with pytest.raises(ListError, match="at most 20000 dates"):
        read_list("2026-01-01..2026-12-31\n" * 60)


@pytest.mark.parametrize(
    "text, message",
    [
        ("2027-02-29", "29 February 2027 does not exist. February 2027 has 28 days"),
        ("2026-04-31", "31 April 2026 does not exist. April 2026 has 30 days"),
        ("2026-13-01", "There is no month 13. Enter one from 01 to 12"),
        ("1066-10-14", "Enter a year from 1970 to 2199"),
        ("25-12-2026", '"25-12-2026" is not a date. Enter one like 2026-12-25'),
    ],
)
def test_dates_that_do_not_exist(text, message):
    with pytest.raises(ValueError) as refused:
        read_date(text)
    assert str(refused.value) == message


def test_a_date_listed_twice_keeps_both_names():
    days = [Day(FRIDAY, "Christmas Day"), Day(FRIDAY, "Closed"), Day(FRIDAY, "Closed"), Day(THURSDAY, "")]
    assert by_date(days) == {FRIDAY: "Christmas Day; Closed", THURSDAY: ""}


def test_working_days_leave_out_holidays_and_weekends():
    assert [OFF.working(day) for day in every(THURSDAY, TUESDAY)] == [True, False, False, False, False, True]
    assert OFF.next_working_day(THURSDAY) == TUESDAY
    assert OFF.add_working_days(TUESDAY, -1) == THURSDAY
    assert OFF.add_working_days(THURSDAY, 2) == date(2026, 12, 30)
    assert OFF.working_days_between(THURSDAY, TUESDAY) == 2


def test_a_weekend_may_lie_elsewhere():
    riyadh = DaysOff("Closed", {}, weekend=frozenset({4, 5}))
    assert riyadh.next_working_day(THURSDAY) == date(2026, 12, 27)


def test_the_streak_of_days_off_that_leads_to_a_day():
    assert OFF.streak_start(TUESDAY) == FRIDAY
    assert OFF.streak_start(date(2026, 12, 26)) == FRIDAY
    assert OFF.streak_start(THURSDAY) == THURSDAY


def test_a_calendar_that_is_closed_for_years_has_no_next_working_day():
    closed = DaysOff("Closed", dict.fromkeys(every(date(2026, 1, 1), date(2029, 1, 1)), ""))
    assert closed.next_working_day(date(2026, 5, 1)) is None
    assert (date(2027, 6, 1) - closed.streak_start(date(2027, 6, 1))).days <= 366


def test_the_year_is_weeks_from_monday_to_sunday():
    year = year_view(2026, OFF)
    december = year[11]
    assert [month.number for month in year] == list(range(1, 13))
    assert december.name == "December"
    assert all(len(week) == 7 for month in year for week in month.weeks)
    cells = {cell.date: cell for week in december.weeks for cell in week if cell}
    assert len(cells) == 31
    assert cells[FRIDAY].name == "Christmas Day"
    assert cells[THURSDAY].name is None
    assert [cells[day].weekend for day in every(FRIDAY, date(2026, 12, 27))] == [False, True, True]
    assert december.weeks[0][0] is None, "1 December 2026 is a Tuesday"
