"""How a person wants the pages: each preference with its default and what it may be."""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from webapp import language


def choice(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return read


def switch(text: str) -> bool:
    return choice("1", "on", "true", "y", "0", "off", "false", "n")(text) in ("1", "on", "true", "y")


def seconds(text: str) -> int:
    return int(choice("10", "30", "0")(text))


def spoken(text: str) -> str:
    """Empty is the browser's. One that is not offered any more is passed over when a page is made."""
    return choice("", *language.offered(with_pseudo=True))(text)


def zone(text: str) -> str:
    if text != "browser" and text not in zones():
        raise ValueError(text)
    return text


def columns(text: str) -> dict[str, list[str]]:
    """Per list, the columns that are shown: `{"tasks": ["agent", "created"]}`."""
    given = json.loads(text)
    if not isinstance(given, dict) or len(text) > 4_000:
        raise ValueError(text)
    return {str(name): [str(column) for column in shown] for name, shown in given.items()}


def names(text: str) -> list[str]:
    given = json.loads(text)
    if not isinstance(given, list) or len(text) > 1_000:
        raise ValueError(text)
    return [str(name) for name in given]


def query(text: str) -> str:
    if len(text) > 2_000:
        raise ValueError(text)
    return text


@cache
def zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


PREFS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "language": ("", spoken),
    "theme": ("system", choice("system", "light", "dark")),
    "density": ("comfortable", choice("comfortable", "compact")),
    "live": (10, seconds),  # seconds between refreshes of a list; 0 = paused
    "tail": (False, switch),  # new rows appear by themselves
    "shortcuts": (True, switch),
    "tz": ("browser", zone),
    "task_zone": ("mine", choice("mine", "utc", "agent")),  # in which zone a task's page tells its times
    "times": ("relative", choice("relative", "absolute")),
    "rail": ("wide", choice("wide", "narrow")),
    "columns": ({}, columns),
    "steps": (True, switch),  # the first steps, on the dashboard
    "muted": ([], names),  # kinds of notifications that do not ring
    "tasks": ("", query),  # the filters with which the menu opens the list of tasks
}

DEFAULTS: dict[str, Any] = {name: default for name, (default, _) in PREFS.items()}


def read(given: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The preferences among the given fields, and the names of those whose value cannot be used."""
    taken: dict[str, Any] = {}
    refused: list[str] = []
    for name in PREFS.keys() & given.keys():
        try:
            taken[name] = PREFS[name][1](given[name])
        except (ValueError, TypeError):
            refused.append(name)
    return taken, sorted(refused)


def of_cookies(cookies: Mapping[str, str]) -> dict[str, Any]:
    """For somebody who has not signed in: what the page's script kept, so that the first paint is right."""
    looks = {name: cookies[f"muster_{name}"] for name in ("theme", "density") if f"muster_{name}" in cookies}
    return DEFAULTS | read(looks)[0]
