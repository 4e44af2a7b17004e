"""Public holidays of countries, taken once as plain dates.

A library's release may change what it says of past years, so calendars keep the dates that they
were made from, with their source and its version, and never ask again by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata
from typing import NamedTuple

import holidays
from holidays.registry import COUNTRIES

from webapp.calendars.days import FIRST_YEAR, Day
from webapp.language import _

LAST_YEAR = 2100
LANGUAGE = "en_US"


class Snapshot(NamedTuple):
    days: list[Day]
    source: str
    version: str


class UnknownCountry(ValueError):
    """The message names what is not known and what is close to it."""


@lru_cache(maxsize=1)
def countries() -> list[tuple[str, str]]:
    """(code, name) of each country, by name."""
    return sorted(((entry[1], _spaced(entry[0])) for entry in COUNTRIES.values()), key=lambda pair: pair[1])


def subdivisions(country: str) -> list[tuple[str, str]]:
    """(code, name) of a country's parts that have holidays of their own."""
    known = holidays.country_holidays(_checked_country(country))
    names = {code: name for name, code in known.subdivisions_aliases.items()}
    return [(code, names.get(code, code)) for code in known.subdivisions]


def snapshot(country: str, years: Iterable[int], subdivision: str | None = None) -> Snapshot:
    country = _checked_country(country)
    if subdivision:
        _check_subdivision(country, subdivision)
    wanted = sorted(set(years))
    if not wanted or wanted[0] < FIRST_YEAR or wanted[-1] > LAST_YEAR:
        raise ValueError(
            _("Choose years from %(first_year)s to %(last_year)s", first_year=FIRST_YEAR, last_year=LAST_YEAR)
        )
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=wanted, language=LANGUAGE)
    # A year brings the observed days of its neighbours with it.
    days = [Day(when, name) for when, name in sorted(found.items()) if when.year in wanted]
    return Snapshot(days, _source(country, subdivision), f"holidays {metadata.version('holidays')}")


def _source(country: str, subdivision: str | None) -> str:
    name = dict(countries())[country]
    return f"{name}, {dict(subdivisions(country))[subdivision]}" if subdivision else name


def _checked_country(code: str) -> str:
    wanted = code.strip().upper()
    known = dict(countries())
    if wanted in known:
        return wanted
    by_name = {name.lower(): found for found, name in known.items()}
    close = get_close_matches(code.strip().lower(), by_name, n=1)
    hint = _("Did you mean %(by_name)s?", by_name=by_name[close[0]]) if close else _("Choose a code such as GB or NL")
    raise UnknownCountry(_('There is no country "%(code)s". %(hint)s', code=code, hint=hint))


def _check_subdivision(country: str, code: str) -> None:
    known = dict(subdivisions(country))
    if code not in known:
        raise UnknownCountry(
            _('%(countries)s has no part "%(code)s". ', countries=dict(countries())[country], code=code)
            + (_("Choose one of %(known)s", known=", ".join(known)) if known else _("Leave it empty"))
        )


def _spaced(name: str) -> str:
    """`UnitedStates` → `United States`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
