"""What every kind has, so that pages and documents can rely on it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.schedules.stepping import instant, plan, words
from webapp.schedules import engine
from webapp.schedules.kinds import ALIASES, KINDS

GUIDE = Path(__file__).parents[3] / "docs" / "schedules.md"
kinds = pytest.mark.parametrize("name", KINDS)


@kinds
def test_the_example_is_a_rule_of_its_kind(name):
    example = KINDS[name].example
    assert plan(example).kind == name == example["kind"]
    assert json.loads(json.dumps(example)) == example


@kinds
def test_the_words_begin_like_a_sentence(name):
    assert words(KINDS[name].example)[0].isupper()


@kinds
def test_the_next_one_is_strictly_later(name):
    made = plan(KINDS[name].example)
    first = engine.next_slot(made, instant("2026-01-01"))
    assert first.at > instant("2026-01-01")
    second = engine.next_slot(made, first.at)
    assert second is None or second.at > first.at
    assert engine.next_slot(made, first.at - timedelta(microseconds=1)) == first


@kinds
def test_the_guide_explains_it(name):
    assert f'"kind": "{name}"' in GUIDE.read_text()


@kinds
def test_it_has_its_own_tests(name):
    module = KINDS[name].__name__.rpartition(".")[2]
    assert (Path(__file__).parent / f"test_{module}.py").exists()


def test_daily_is_another_name_for_times():
    assert ALIASES == {"daily": "times"}
    assert plan({"kind": "daily", "at": "09:30"}) == plan({"kind": "times", "at": ["09:30"]})
