"""What a wall time means on the days when clocks change."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest

from webapp.calendars import zones


def at(text: str, zone: str) -> tuple[str, str | None]:
    when = zones.resolve(datetime.fromisoformat(text), zones.zone(zone))
    return when.at.astimezone(zones.zone(zone)).isoformat(), when.note


def test_an_ordinary_time_is_itself():
    assert at("2026-06-01T09:30", "Europe/Amsterdam") == ("2026-06-01T09:30:00+02:00", None)


@pytest.mark.parametrize(
    "wall, zone, first_after",
    [
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T03:00:00-04:00"),
        ("2026-03-08T02:00", "America/New_York", "2026-03-08T03:00:00-04:00"),
        ("2026-03-29T02:30", "Europe/Amsterdam", "2026-03-29T03:00:00+02:00"),
        ("2026-03-29T01:30", "Europe/Lisbon", "2026-03-29T02:00:00+01:00"),
        ("2026-10-04T02:10", "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00"),
        ("2026-04-24T00:30", "Africa/Cairo", "2026-04-24T01:00:00+03:00"),
        ("2026-03-28T23:15", "America/Nuuk", "2026-03-29T00:00:00-01:00"),
        ("2011-12-30T09:00", "Pacific/Apia", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_a_time_that_does_not_exist_happens_right_after_the_gap(wall, zone, first_after):
    assert at(wall, zone) == (first_after, "gap")


@pytest.mark.parametrize(
    "wall, zone, first",
    [
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T01:30:00-04:00"),
        ("2026-10-25T02:30", "Europe/Amsterdam", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25T01:30", "Europe/Lisbon", "2026-10-25T01:30:00+01:00"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-05T01:45:00+11:00"),
        ("2026-10-25T00:30", "Atlantic/Azores", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_time_that_comes_twice_happens_the_first_time(wall, zone, first):
    assert at(wall, zone) == (first, "repeated")


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll"])
def test_later_wall_times_never_happen_earlier(zone):
    tz, wall = zones.zone(zone), datetime.fromisoformat("2011-01-01T00:00")
    last = zones.resolve(wall, tz).at
    while wall.year < 2013:
        wall += timedelta(minutes=10)
        this = zones.resolve(wall, tz).at
        assert this >= last
        last = this


def test_a_day_starts_at_its_first_instant():
    cairo = zones.zone("Africa/Cairo")
    assert zones.day_start(date(2026, 4, 24), cairo) == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert zones.day_start(date(2026, 4, 25), cairo) == datetime(2026, 4, 24, 21, tzinfo=UTC)


def test_the_wall_clock_is_read_without_a_zone():
    shown = zones.wall_time(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), zones.zone("Europe/Amsterdam"))
    assert shown == datetime.fromisoformat("2026-10-25T02:30")


def test_a_change_of_clocks_is_found_to_the_second():
    new_york = zones.zone("America/New_York")
    change = datetime(2026, 11, 1, 6, tzinfo=UTC)
    assert zones.transition(new_york, change - zones.DAY, change + timedelta(minutes=1)) == change
    assert zones.transition(new_york, change, change + zones.DAY) is None
    assert zones.transition(new_york, change - timedelta(seconds=1, microseconds=1), change) == change


@pytest.mark.parametrize(
    "name, hint",
    [
        ("Europe/Amsterdm", "Did you mean Europe/Amsterdam?"),
        ("europe/london", "Did you mean Europe/London?"),
        ("amsterdam", "Did you mean Europe/Amsterdam?"),
        ("New York", "Did you mean America/New_York?"),
        ("../../etc/passwd", "Choose a name such as Europe/Amsterdam or UTC"),
        ("", "Choose a name such as Europe/Amsterdam or UTC"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name, hint):
    with pytest.raises(zones.UnknownZone) as refused:
        zones.zone(name)
    assert str(refused.value) == f'There is no time zone "{name}". {hint}'


def test_every_listed_zone_can_be_used():
    assert len(zones.names()) > 590
    assert all(zones.zone(name).key == name for name in zones.names())


def test_zones_come_from_the_packaged_data_whatever_the_host_has(tmp_path):
    zones.zone.cache_clear()
    before = zoneinfo.TZPATH
    (tmp_path / "Asia").mkdir()
    (tmp_path / "Asia" / "Tokyo").write_bytes(b"not a zone")
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        assert zones.offset(datetime(2026, 1, 1, tzinfo=UTC), zones.zone("Asia/Tokyo")) == timedelta(hours=9)
    finally:
        zoneinfo.reset_tzpath(to=before)
    assert zones.tzdata_version() >= "2026"
