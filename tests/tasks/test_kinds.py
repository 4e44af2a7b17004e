"""A kind of task is whole: the contract's names, a sign, a place in the guide."""

from pathlib import Path

import pytest

from webapp.tasks.kinds import KINDS

ROOT = Path(__file__).parents[2]
NAMES = ("TYPE", "LABEL", "ICON", "MAX_RETRIES", "RETRY_ON", "SUCCESS", "prepare", "suits", "outcome")
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


@kinds
def test_it_keeps_the_contract(kind):
    assert [name for name in NAMES if not hasattr(kind, name)] == []


@kinds
def test_its_sign_is_drawn(kind):
    assert f'<symbol id="{kind.ICON}"' in (ROOT / "static" / "icons.svg").read_text()


@kinds
def test_the_guide_names_it(kind):
    assert f"`{kind.TYPE}`" in (ROOT / "docs" / "agents.md").read_text()


@kinds
def test_its_success_is_an_exit_code_that_it_calls_no_error(kind):
    assert all(kind.outcome(code) != "error" for code in kind.SUCCESS)
