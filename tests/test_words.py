"""The catalogues that are shipped can be read, and their translations take what the texts are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import words
from webapp import language
from webapp.language import _, ngettext


@pytest.fixture
def in_german() -> Iterator[None]:
    language.speak("de")
    yield
    language.speak("en")


def test_what_was_translated_was_compiled() -> None:
    assert set(words.languages()) == set(language.shipped())


@pytest.mark.parametrize("code", words.languages())
def test_a_translation_has_the_holes_of_its_text(code: str) -> None:
    assert not [problem for message in words.messages(words.read(code)) for problem in words.misplaced(message)]


def test_a_hole_that_is_lost_or_invented_is_told() -> None:
    lost, invented = (words.Message("%(a)s of {b}", string=said) for said in ("von {b}", "%(a)s {b} %(c)s"))
    assert [len(list(words.misplaced(message))) for message in (lost, invented)] == [1, 1]
    several = words.Message(("One of %(a)s", "%(num)s of %(a)s"), string=("Eine von %(a)s", "%(num)s von %(a)s"))
    assert not list(words.misplaced(several))


def test_every_language_says_what_it_is_called() -> None:
    names = [language.own_name(code) for code in language.offered(with_pseudo=False)]
    assert names[:2] == ["English", "Deutsch"] and len(set(names)) == len(names)


def test_german_counts(in_german: None) -> None:
    counted = [ngettext("%(num)s task", "%(num)s tasks", number) for number in (0, 1, 2)]
    assert counted == ["0 Aufgaben", "1 Aufgabe", "2 Aufgaben"]


def test_what_a_catalogue_lacks_is_said_in_english(in_german: None) -> None:
    assert _("Nobody has ever translated %(this)s", this="this") == "Nobody has ever translated this"
