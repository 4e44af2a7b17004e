from __future__ import annotations

from datetime import date

import pytest

from webapp.calendars import holidays


def test_a_snapshot_says_where_its_dates_come_from():
    days, source, version = holidays.snapshot("GB", [2026], "ENG")
    assert (date(2026, 12, 28), "Boxing Day (observed)") in days
    assert source == "United Kingdom, England"
    assert version.startswith("holidays 0.")


def test_a_snapshot_has_the_years_that_were_asked_for_and_no_other():
    days = holidays.snapshot("us", range(2021, 2024)).days
    assert {day.date.year for day in days} == {2021, 2022, 2023}
    assert [day.date for day in days] == sorted(day.date for day in days)


def test_parts_of_a_country_have_holidays_of_their_own():
    assert ("BY", "Bayern") in holidays.subdivisions("DE")
    everywhere = {day.date for day in holidays.snapshot("DE", [2026]).days}
    bavaria = {day.date for day in holidays.snapshot("DE", [2026], "BY").days}
    assert bavaria - everywhere == {date(2026, 1, 6), date(2026, 6, 4), date(2026, 11, 1)}


def test_countries_are_listed_by_name():
    listed = holidays.countries()
    assert ("NL", "Netherlands") in listed
    assert [name for _, name in listed] == sorted(name for _, name in listed)


def test_every_listed_country_has_a_snapshot():
    found = {code: holidays.snapshot(code, [2026, 2027]).days for code, _ in holidays.countries()}
    assert len(found) > 200
    # Antarctica and Wake Island have no public holidays of their own kind; nearly all others do.
    assert sum(not days for days in found.values()) < 5


@pytest.mark.parametrize(
    "country, part, message",
    [
        ("XX", None, 'There is no country "XX". Choose a code such as GB or NL'),
        ("Netherland", None, 'There is no country "Netherland". Did you mean NL?'),
        ("NL", "ZH", 'Netherlands has no part "ZH". Leave it empty'),
        ("GB", "LON", 'United Kingdom has no part "LON". Choose one of ENG, NIR, SCT, WLS'),
    ],
)
def test_an_unknown_country_or_part_is_named(country, part, message):
    with pytest.raises(holidays.UnknownCountry) as refused:
        holidays.snapshot(country, [2026], part)
    assert str(refused.value) == message


@pytest.mark.parametrize("years", [[], [1800], [2026, 2101]])
def test_years_have_bounds(years):
    with pytest.raises(ValueError, match="Choose years from 1970 to 2100"):
        holidays.snapshot("NL", years)
