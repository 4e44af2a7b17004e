"""Dates from iCalendar files, and what is said about files that cannot be read."""

from __future__ import annotations

from datetime import date

import pytest

from webapp.calendars import ics
from webapp.calendars.days import Day

SINCE, UNTIL = date(2026, 1, 1), date(2030, 12, 31)


def read(*events: str) -> list[Day]:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.splitlines(), "END:VEVENT"]
    return ics.read("\r\n".join([*lines, "END:VCALENDAR", ""]).encode(), SINCE, UNTIL)


def dates(*events: str) -> list[str]:
    return [day.date.isoformat() for day in read(*events)]


def test_an_event_of_one_day():
    assert read("DTSTART;VALUE=DATE:20261225\nSUMMARY:Christmas Day") == [Day(date(2026, 12, 25), "Christmas Day")]


def test_the_end_is_not_part_of_the_event():
    assert dates("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227") == ["2026-12-25", "2026-12-26"]
    assert dates("DTSTART:20261225T220000Z\nDTEND:20261226T000000Z") == ["2026-12-25"]
    assert dates("DTSTART:20261225T220000Z\nDTEND:20261226T000100Z") == ["2026-12-25", "2026-12-26"]


def test_an_event_with_times_closes_the_dates_as_written():
    assert dates('DTSTART;TZID="America/New_York":20261225T233000\nDURATION:PT1H') == ["2026-12-25", "2026-12-26"]
    assert dates("DTSTART:20261225T090000") == ["2026-12-25"]


@pytest.mark.parametrize("duration, count", [("P2D", 2), ("P1W", 7), ("P1DT1H", 2), ("PT24H", 1)])
def test_durations(duration, count):
    assert len(dates(f"DTSTART;VALUE=DATE:20261225\nDURATION:{duration}")) == count


def test_folded_lines_and_escapes_are_undone():
    event = "DTSTART;VALUE=DATE:20261225\nSUMMARY:Christmas\\, bo\n th\n\t days\\; closed\\nall day"
    assert read(event)[0].name == "Christmas, both days; closed all day"


def test_what_repeats_each_year():
    assert dates("DTSTART;VALUE=DATE:19701225\nRRULE:FREQ=YEARLY;UNTIL=20281231") == [
        "2026-12-25",
        "2027-12-25",
        "2028-12-25",
    ]


def test_left_out_and_added_dates():
    event = "DTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;COUNT=4\nEXDATE;VALUE=DATE:20270501,20280501"
    assert dates(event + "\nRDATE;VALUE=DATE:20260502") == ["2026-05-01", "2026-05-02", "2029-05-01"]


def test_one_occurrence_may_be_replaced():
    series = "UID:a\nDTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;COUNT=2"
    moved = "UID:a\nRECURRENCE-ID;VALUE=DATE:20270501\nDTSTART;VALUE=DATE:20270503"
    assert dates(series, moved) == ["2026-05-01", "2027-05-03"]


def test_cancelled_events_close_nothing():
    event = "DTSTART;VALUE=DATE:20261225"
    assert dates(event, event + "\nSTATUS:CANCELLED\nUID:b") == ["2026-12-25"]
    with pytest.raises(ics.IcsError, match="closes no date from"):
        dates(event + "\nSTATUS:CANCELLED")


def test_parts_inside_an_event_are_left_aside():
    event = "DTSTART;VALUE=DATE:20261225\nBEGIN:VALARM\nTRIGGER:-P1D\nDTSTART:nonsense\nEND:VALARM\nX-OWN;P=1:a:b"
    assert dates(event) == ["2026-12-25"]


def test_only_the_years_that_were_asked_for():
    assert dates("DTSTART;VALUE=DATE:20251225\nRRULE:FREQ=YEARLY")[0] == "2026-12-25"
    assert dates("DTSTART;VALUE=DATE:20251231\nDTEND;VALUE=DATE:20260102") == ["2026-01-01"]


@pytest.mark.parametrize(
    "event, message",
    [
        ("SUMMARY:Christmas", "Line 3: The event has no DTSTART, so nothing says when it is"),
        ("DTSTART;VALUE=DATE:20260230", "Line 4: 30 February 2026 does not exist. February 2026 has 28 days"),
        ("DTSTART:soon", 'Line 4: "soon" is not a date. Write one like 20261225 or 20261225T090000'),
        ("DTSTART:20261225\nDTEND:20261224", "Line 5: The event ends before it begins"),
        ("DTSTART:20261225\nDTEND:20281224", "Line 3: The event is longer than a year. Split it"),
        ("DTSTART:20261225\nDURATION:1 day", 'Line 5: "1 day" is not a duration. Write one like P1D or PT8H'),
        ("DTSTART:20261225\nDTSTART:20261226", "Line 5: The event has a second DTSTART"),
        ("DTSTART 20261225", 'Line 4: "DTSTART 20261225" is not a line of the form NAME:value'),
        (
            "DTSTART:20261225\nRRULE:FREQ=HOURLY",
            "Line 5: FREQ=HOURLY cannot be read. Use DAILY, WEEKLY, MONTHLY or YEARLY, or list the dates",
        ),
        ("DTSTART:20261225\nEND:VALARM", "Line 5: END:VALARM closes nothing that was begun"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(event, message):
    with pytest.raises(ics.IcsError) as refused:
        read(event)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "Line 1: An iCalendar file begins with BEGIN:VCALENDAR"),
        (b"date,name\n2026-12-25,Christmas", 'Line 1: "date,name" is not a line of the form NAME:value'),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "Line 2: The file ends before END:VCALENDAR. Export it again"),
        (b"BEGIN:VCALENDAR\r\n\xff\xfe", "The file is not UTF-8 text. Export it again as iCalendar (.ics)"),
        (b"x" * 1_000_001, "The file has 1,000,001 bytes. The limit is 1,000,000"),
    ],
)
def test_files_that_are_no_calendar(data, message):
    with pytest.raises(ics.IcsError) as refused:
        ics.read(data, SINCE, UNTIL)
    assert str(refused.value) == message


def test_a_small_file_cannot_ask_for_endless_work():
    daily = "DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=DAILY"
    with pytest.raises(ics.IcsError, match="closes more than 20,000 dates"):
        read(*[daily] * 200)
    with pytest.raises(ics.IcsError, match="more than 5,000 events"):
        read(*["DTSTART:20261225"] * 5001)
