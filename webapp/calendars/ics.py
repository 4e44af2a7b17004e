"""Dates from an iCalendar file (RFC 5545): the part of it that says when something is closed.

Times of day and zones are left aside: an event closes the local dates that it touches, as written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from webapp.calendars import recurrence
from webapp.calendars.days import MAX_DATES, ONE_DAY, Day, every, read_date
from webapp.language import N_, _

MAX_BYTES = 1_000_000
MAX_EVENTS = 5_000
# A small file can ask for a great many repetitions: this bounds the work, not the calendar.
MAX_REPETITIONS = 100_000
MAX_LENGTH = timedelta(days=366)

_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:])*)*):(.*)', re.DOTALL)
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})Z?)?")
_DURATION = re.compile(r"\+?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class IcsError(ValueError):
    """The message begins with the line that cannot be used."""

    def __init__(self, line: int, message: str):
        super().__init__(f"Line {line}: {message}" if line else message)
        self.line = line


class Line(NamedTuple):
    number: int
    name: str
    value: str


@dataclass
class Event:
    line: int
    values: dict[str, Line] = field(default_factory=dict)
    extra: list[date] = field(default_factory=list)
    without: set[date] = field(default_factory=set)

    def text(self, name: str) -> str:
        return self.values[name].value if name in self.values else ""


def read(data: bytes, since: date, until: date) -> list[Day]:
    """Each date from `since` to `until` that an event closes, in order."""
    events = list(_events(_lines(data)))
    _leave_out_replaced(events)
    days: set[Day] = set()
    repetitions = 0
    for event in events:
        if event.text(N_("STATUS")).upper() == "CANCELLED":
            continue
        found = list(_days(event, until))
        repetitions += len(found)
        days.update(day for day in found if since <= day.date <= until)
        if len(days) > MAX_DATES or repetitions > MAX_REPETITIONS:
            raise IcsError(
                event.line,
                _("The file closes more than %(max_dates)s dates. Choose fewer years", max_dates=f"{MAX_DATES:,}"),
            )
    if not days:
        raise IcsError(
            0,
            _(
                "The file closes no date from %(year)s to %(year2)s. Choose another file",
                year=since.year,
                year2=until.year,
            ),
        )
    return sorted(days)


def _lines(data: bytes) -> list[Line]:
    if len(data) > MAX_BYTES:
        raise IcsError(
            0,
            _(
                "The file has %(data)s bytes. The limit is %(max_bytes)s",
                data=f"{len(data):,}",
                max_bytes=f"{MAX_BYTES:,}",
            ),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise IcsError(0, _("The file is not UTF-8 text. Export it again as iCalendar (.ics)")) from wrong
    lines = [_line(number, content) for number, content in _unfolded(text)]
    if not lines or (lines[0].name, lines[0].value.upper()) != ("BEGIN", "VCALENDAR"):
        raise IcsError(1, _("An iCalendar file begins with BEGIN:VCALENDAR"))
    if (lines[-1].name, lines[-1].value.upper()) != ("END", "VCALENDAR"):
        raise IcsError(lines[-1].number, _("The file ends before END:VCALENDAR. Export it again"))
    return lines


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Long lines are broken with a line end and one blank (3.1); they are one line again here."""
    begun = 0
    pieces: list[str] = []
    for number, piece in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if piece[:1] in (" ", "\t") and pieces:
            pieces.append(piece[1:])
            continue
        if pieces:
            yield begun, "".join(pieces)
        begun, pieces = number, [piece] if piece.strip() else []
    if pieces:
        yield begun, "".join(pieces)


def _line(number: int, content: str) -> Line:
    match = _LINE.fullmatch(content)
    if not match:
        raise IcsError(number, _('"%(content)s" is not a line of the form NAME:value', content=content[:40]))
    return Line(number, match[1].upper(), match[3].strip())


def _events(lines: list[Line]) -> Iterator[Event]:
    open_parts: list[str] = []
    event, count = None, 0
    for line in lines:
        if line.name == "BEGIN":
            open_parts.append(line.value.upper())
            if open_parts[-1] == "VEVENT":
                event, count = Event(line.number), count + 1
            if count > MAX_EVENTS:
                raise IcsError(
                    line.number, _("The file has more than %(max_events)s events", max_events=f"{MAX_EVENTS:,}")
                )
        elif line.name == "END":
            if not open_parts or open_parts.pop() != line.value.upper():
                raise IcsError(line.number, _("END:%(value)s closes nothing that was begun", value=line.value))
            if line.value.upper() == "VEVENT" and event:
                yield event
                event = None
        elif event and open_parts[-1] == "VEVENT":
            _take(event, line)


def _take(event: Event, line: Line) -> None:
    if line.name == "EXDATE":
        event.without.update(_date(line, part) for part in line.value.split(","))
    elif line.name == "RDATE":
        event.extra += [_date(line, part) for part in line.value.split(",")]
    elif line.name in event.values and line.name in ("DTSTART", "DTEND", "DURATION", "RRULE"):
        raise IcsError(line.number, _("The event has a second %(name)s", name=line.name))
    else:
        event.values[line.name] = line


def _leave_out_replaced(events: list[Event]) -> None:
    """An event with RECURRENCE-ID stands for one occurrence of the event with the same UID."""
    series = {event.text(N_("UID")): event for event in events if "RECURRENCE-ID" not in event.values}
    for event in events:
        moved = event.values.get("RECURRENCE-ID")
        if moved and event.text(N_("UID")) in series:
            series[event.text(N_("UID"))].without.add(_date(moved, moved.value))


def _days(event: Event, until: date) -> Iterator[Day]:
    if "DTSTART" not in event.values:
        raise IcsError(event.line, _("The event has no DTSTART, so nothing says when it is"))
    begins = event.values["DTSTART"]
    start = _stamp(begins, begins.value)
    length = _length(event, start)
    name = _plain(event.text(N_("SUMMARY")))
    for first in _starts(event, start.date(), until):
        if first not in event.without:
            # An end at midnight is not part of the event (3.6.1); an event without length still has a day.
            last = (start + length - timedelta(microseconds=1)).date() if length else start.date()
            yield from (Day(day, name) for day in every(first, first + (last - start.date())))


def _starts(event: Event, first: date, until: date) -> list[date]:
    rule = event.values.get("RRULE")
    if not rule:
        return sorted({first, *event.extra})
    try:
        repeated = recurrence.dates(rule.value, first, until)
        return sorted({*repeated, *event.extra})
    except ValueError as wrong:
        raise IcsError(rule.number, str(wrong)) from wrong


def _length(event: Event, start: datetime) -> timedelta:
    if "DTEND" in event.values:
        end = event.values["DTEND"]
        length = _stamp(end, end.value) - start
        if length < timedelta(0):
            raise IcsError(end.number, _("The event ends before it begins"))
    elif "DURATION" in event.values:
        length = _duration(event.values["DURATION"])
    else:
        length = ONE_DAY if "T" not in event.values["DTSTART"].value else timedelta(0)
    if length > MAX_LENGTH:
        raise IcsError(event.line, _("The event is longer than a year. Split it"))
    return length


def _duration(line: Line) -> timedelta:
    match = _DURATION.fullmatch(line.value)
    if not match or not any(match.groups()):
        raise IcsError(line.number, _('"%(value)s" is not a duration. Write one like P1D or PT8H', value=line.value))
    weeks, days, hours, minutes, seconds = (min(int(part or 0), 10**6) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _date(line: Line, text: str) -> date:
    return _stamp(line, text).date()


def _stamp(line: Line, text: str) -> datetime:
    match = _STAMP.fullmatch(text.strip())
    if not match:
        raise IcsError(
            line.number, _('"%(text)s" is not a date. Write one like 20261225 or 20261225T090000', text=text)
        )
    try:
        day = read_date(f"{match[1]}-{match[2]}-{match[3]}", recurrence.EARLIEST)
        hour, minute, second = (int(part or 0) for part in match.groups()[3:])
        return datetime.combine(day, time(hour, minute, min(second, 59)))
    except ValueError as wrong:
        raise IcsError(line.number, str(wrong)) from wrong


def _plain(text: str) -> str:
    """The four escapes of a text value (3.3.11)."""
    return re.sub(r"\\(.)", lambda match: " " if match[1] in "nN" else match[1], text).strip()
