"""The engine against an oracle that looks at the clock every minute, on the days when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.schedules import oracle
from tests.schedules.strategies import DAYS, YEARS, ZONES, changes, clock, days, minutes, nth, schedule_settings, times
from webapp.calendars.zones import zone
from webapp.schedules import engine, rules

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def spans(draw):
    """A zone and ten days of it, around a change of clocks where there is one."""
    name = draw(st.sampled_from(ZONES))
    days_ahead = draw(st.integers(0, YEARS * 365))
    near = changes(name, BEGIN + timedelta(days=days_ahead), BEGIN + timedelta(days=days_ahead + 366))
    middle = near[0] if near else BEGIN + timedelta(days=days_ahead)
    begin = middle - timedelta(days=draw(st.integers(0, 4)), minutes=draw(st.integers(0, 1440)))
    return name, begin.replace(second=0), begin.replace(second=0) + timedelta(days=6)


def found(rule, name, begin, end):
    plan = rules.parse(rule, name)
    return [slot.at for slot in engine.slots(plan, begin, end, 100_000)]


def on(names):
    numbers = {DAYS.index(name) for name in names}
    return lambda day: day.weekday() in numbers


@schedule_settings
@given(spans(), times, days)
def test_fixed_times_happen_when_the_clock_first_shows_them(span, at, names):
    name, begin, end = span
    expected = oracle.fixed(on(names), at, begin, end, zone(name))
    assert found({"kind": "times", "at": at, "days": names}, name, begin, end) == expected
    assert found({"kind": "weekly", "at": at, "days": names}, name, begin, end) == expected


@schedule_settings
@given(spans(), st.sets(st.integers(0, 59), min_size=1, max_size=3), st.sets(st.integers(0, 5), min_size=1, max_size=3))
def test_fixed_cron_is_the_same_as_its_times(span, in_hour, hours):
    name, begin, end = span
    at = [clock(hour * 60 + minute) for hour in hours for minute in in_hour]
    expr = f"{','.join(map(str, in_hour))} {','.join(map(str, hours))} * * *"
    assert found({"kind": "cron", "expr": expr}, name, begin, end) == oracle.fixed(on(DAYS), at, begin, end, zone(name))


@schedule_settings
@given(spans(), st.sampled_from([10, 15, 20, 30]), st.sampled_from([1, 2, 3]), st.sampled_from(["*", "1-5", "0,3"]))
def test_cron_with_wildcards_follows_the_clock_minute_by_minute(span, step, hours, weekdays):
    name, begin, end = span
    wanted = {"*": range(7), "1-5": range(1, 6), "0,3": (0, 3)}[weekdays]

    def matches(shown):
        return shown.minute % step == 0 and shown.hour % hours == 0 and shown.isoweekday() % 7 in wanted

    expr = f"*/{step} */{hours} * * {weekdays}"
    assert found({"kind": "cron", "expr": expr}, name, begin, end) == oracle.elapsed(matches, begin, end, zone(name))


@schedule_settings
@given(spans(), st.sampled_from([5, 7, 60, 95]), minutes, st.integers(1, 1439), days)
def test_intervals_count_from_the_start_of_the_window(span, every, start, length, names):
    name, begin, end = span
    window = clock(start), clock(min(start + length, 1439))
    if window[0] == window[1]:
        window = "00:00", "00:01"
    expected = oracle.every(timedelta(minutes=every), on(names), window, begin, end, zone(name))
    rule = {"kind": "interval", "every": f"{every}m", "between": list(window), "days": names}
    assert found(rule, name, begin, end) == expected


@schedule_settings
@given(st.sampled_from(ZONES), nth, times)
def test_nth_weekdays_are_found_by_counting(name, which, at):
    position, weekday = which
    begin, end = BEGIN, BEGIN + timedelta(days=70)

    def wanted(day):
        if day.weekday() != DAYS.index(weekday):
            return False
        if position == "last":
            return (day + timedelta(days=7)).month != day.month
        return ["first", "second", "third", "fourth", "fifth"][(day.day - 1) // 7] == position

    rule = {"kind": "monthly", "nth": which, "at": at}
    assert found(rule, name, begin, end) == oracle.fixed(wanted, at, begin, end, zone(name))


@schedule_settings
@given(st.sampled_from(ZONES), st.integers(1, 31), times)
def test_a_day_of_the_month_is_clipped_to_its_length(name, number, at):
    begin, end = BEGIN, BEGIN + timedelta(days=70)

    def wanted(day):
        last_of_month = (day + timedelta(days=1)).day == 1
        return day.day == number or (last_of_month and day.day < number)

    rule = {"kind": "monthly", "day": number, "at": at}
    assert found(rule, name, begin, end) == oracle.fixed(wanted, at, begin, end, zone(name))
