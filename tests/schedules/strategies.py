"""Random schedules for the property tests: any kind, any zone that changes its clocks oddly, any calendar."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from webapp.calendars import zones
from webapp.calendars.days import POLICIES, DaysOff
from webapp.schedules import rules
from webapp.schedules.seed import Seed

FULL = os.environ.get("MUSTER_FULL") == "1"
EXAMPLES, YEARS = (1000, 20) if FULL else (20, 2)
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = (
    "Europe/Amsterdam",
    "Europe/Lisbon",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Chatham",  # 12:45 ahead
    "Atlantic/Azores",  # repeats the hour after midnight
    "Africa/Cairo",  # the day begins at 01:00
    "America/Santiago",  # repeats the hour before midnight
    "America/Nuuk",  # skips the hour before midnight
    "Antarctica/Troll",  # two hours
    "Africa/Casablanca",  # goes back for Ramadan
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

schedule_settings = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


# Clocks change in the small hours: half of the times are drawn from them.
minutes = st.one_of(st.integers(0, 4 * 60), st.integers(0, 24 * 60 - 1))
times = st.lists(minutes.map(clock), min_size=1, max_size=4, unique=True)
days = st.lists(st.sampled_from(DAYS), min_size=1, unique=True)


@st.composite
def windows(draw):
    start = draw(minutes)
    length = draw(st.integers(1, 24 * 60))
    end = start + length
    return [clock(start), "24:00" if end == 24 * 60 else clock(end % (24 * 60)) + ("+1" if end > 24 * 60 else "")]


nth = st.tuples(st.sampled_from(["first", "second", "third", "fourth", "fifth", "last"]), st.sampled_from(DAYS)).map(
    list
)
of_month = st.one_of(st.integers(1, 31).map(lambda day: {"day": day}), nth.map(lambda pair: {"nth": pair}))
any_date = st.one_of(st.just({}), days.map(lambda chosen: {"days": chosen}), of_month)

once = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minute: {"kind": "once", "at": (START.replace(tzinfo=None) + timedelta(minutes=minute)).isoformat()}
)
timed = st.fixed_dictionaries({"kind": st.sampled_from(["times", "daily"]), "at": times}, optional={"days": days})
weekly = st.fixed_dictionaries({"kind": st.just("weekly"), "at": times, "days": days})
monthly = st.tuples(times, of_month).map(lambda pair: {"kind": "monthly", "at": pair[0], **pair[1]})
interval = st.fixed_dictionaries(
    {"kind": st.just("interval"), "every": st.sampled_from(["7m", "15m", "45m", "1h", "90m", "6h", "24h"])},
    optional={"between": windows(), "days": days},
)
randomised = st.tuples(
    st.fixed_dictionaries(
        {"kind": st.just("random")}, optional={"between": windows(), "per": st.sampled_from(["fleet", "agent"])}
    ),
    any_date,
).map(lambda pair: {**pair[0], **pair[1]})
cron_fields = st.tuples(
    st.sampled_from(["0", "30", "*/15", "5,50", "*/20", "59"]),
    st.sampled_from(["2", "1", "*", "0-3", "*/2", "1,2,3", "23", "9-17"]),
    st.sampled_from(["*", "*", "*", "1", "L", "13", "*/3", "28-31"]),
    st.sampled_from(["*", "*", "*", "3,10", "2", "4-11"]),
    st.sampled_from(["*", "*", "*", "1-5", "0", "5L", "SUN#1", "6,7"]),
)
cron = st.one_of(
    cron_fields.map(lambda parts: {"kind": "cron", "expr": " ".join(parts)}),
    cron_fields.map(lambda parts: {"kind": "cron", "expr": " ".join(("30", *parts))}),
    st.sampled_from(["@hourly", "@daily", "@weekly", "@monthly", "@yearly"]).map(
        lambda name: {"kind": "cron", "expr": name}
    ),
)
any_rule = st.one_of(once, timed, weekly, monthly, interval, randomised, cron)


@st.composite
def calendars(draw):
    """Christmas, single days, and one closed stretch, in the years that are looked at."""
    year = draw(st.integers(2026, 2026 + YEARS))
    closed = {date(each, 12, day) for each in range(2026, 2027 + YEARS) for day in (25, 26)}
    closed |= {
        START.date() + timedelta(days=number) for number in draw(st.sets(st.integers(0, 365 * YEARS), max_size=20))
    }
    begin = date(year, 1, 1) + timedelta(days=draw(st.integers(0, 364)))
    closed |= {begin + timedelta(days=step) for step in range(draw(st.integers(0, 12)))}
    return DaysOff("Closed days", dict.fromkeys(closed, "Closed"), draw(st.sampled_from(POLICIES)))


@st.composite
def plans(draw, rule=any_rule):
    wanted = draw(rule)
    if draw(st.integers(0, 3)) == 0:
        wanted = {**wanted, "jitter": draw(st.sampled_from(["30s", "10m", "5h"]))}
    return rules.parse(
        wanted,
        draw(st.sampled_from(ZONES)),
        start=draw(st.sampled_from([None, None, "2026-03-28T12:00", "2026-10-25T01:30"])),
        end=draw(st.sampled_from([None, None, None, "2027-03-28T02:30"])),
        calendar=draw(st.one_of(st.none(), calendars())),
        seed=Seed(b"key", "schedule"),
    ).for_agent("agent-1")


def changes(zone: str, since: datetime, until: datetime) -> list[datetime]:
    """The instants at which the zone changes its clocks."""
    tz, found, day = zones.zone(zone), [], since
    while day < until:
        if change := zones.transition(tz, day, day + zones.DAY):
            found.append(change)
        day += zones.DAY
    return found
