"""Status is never told by colour alone: each has a sign of its own, and every sign that is named exists."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.templates.sources import STATIC
from webapp.navigation import MENU
from webapp.tasks.states import LOOKS

AGENTS = ("online", "stale", "offline", "unapproved", "revoked", "draining")
SCHEDULES = ("active", "paused", "completed", "error")
DEFINITIONS = ("idle", "active", "inactive", "frozen")
SEVERITIES = ("critical", "high", "medium", "low", "info")

SPRITE = ET.parse(STATIC / "icons.svg").getroot()


def drawing(name: str) -> str:
    symbol = SPRITE.find(f"*[@id='{name}']")
    assert symbol is not None, f"icons.svg has no “{name}”"
    return "".join(ET.tostring(part, encoding="unicode") for part in symbol)


def test_every_symbol_has_a_name_of_its_own_and_a_box() -> None:
    ids = [symbol.get("id") for symbol in SPRITE]
    assert len(ids) == len(set(ids))
    assert all(symbol.get("viewBox") == "0 0 24 24" and len(symbol) for symbol in SPRITE)


@pytest.mark.parametrize(
    "signs", [[look.icon for look in LOOKS.values()], AGENTS, SCHEDULES, DEFINITIONS, SEVERITIES], ids=len
)
def test_signs_of_one_vocabulary_differ_in_shape(signs: list[str]) -> None:
    drawings = [drawing(sign) for sign in signs]
    assert len(set(drawings)) == len(signs)


def test_every_status_has_a_word_of_its_own() -> None:
    assert len({look.label for look in LOOKS.values()}) == len(LOOKS) == 13


def test_every_place_in_the_menu_has_a_sign() -> None:
    assert all(drawing(item.icon) for items in MENU.values() for item in items)


def test_nothing_in_the_sprite_can_run_or_load() -> None:
    text = (STATIC / "icons.svg").read_text()
    assert not any(word in text for word in ("<script", "href", "style", "onload"))
