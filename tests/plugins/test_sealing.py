"""Secret parameters of a call as rows keep them."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.objects.values import FieldErrors
from webapp.plugins import parameters, sealing
from webapp.plugins.contract import Manifest, Parameter
from webapp.plugins.discovery import Plugin
from webapp.seal import Seal, SealError

PIN = Parameter("pin", "secret", required=True, minimum=4)
KEYED = Plugin(
    Manifest("keyed", "Keyed", "Has a pin.", any_input=True, parameters=(PIN, Parameter("host", "string"))),
    "file:keyed",
)
CALL = {"plugin_id": "keyed", "kwargs": {"pin": "4711-0815", "host": "web-1"}}


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    return Seal(tmp_path / "key")


def test_it_opens_to_what_was_sealed_and_nothing_else_changes(seal: Seal) -> None:
    kept = sealing.sealed(KEYED, CALL, 1, seal)
    assert "4711" not in str(kept) and kept["kwargs"]["host"] == "web-1"
    assert sealing.opened(KEYED, kept, 1, seal) == CALL
    assert sealing.sealed(KEYED, kept, 1, seal) == kept


def test_a_sealed_value_passes_the_check_that_a_text_would(seal: Seal) -> None:
    kept = sealing.sealed(KEYED, CALL, 1, seal)
    assert parameters.validate_call(KEYED.manifest, kept)["kwargs"] == kept["kwargs"]


@pytest.mark.parametrize("wrong", ["123", "", 4711, None, {"sealed": 1}, {"sealed": "v1", "more": ""}])
def test_what_is_wrong_is_not_sealed_but_told_at_its_field(seal: Seal, wrong: object) -> None:
    kept = sealing.sealed(KEYED, {"kwargs": {"pin": wrong}}, 1, seal)
    assert kept == {"kwargs": {"pin": wrong}}
    with pytest.raises(FieldErrors) as told:
        parameters.validate_call(KEYED.manifest, kept)
    assert [error["field"] for error in told.value.errors] == ["kwargs.pin"]


def test_by_place_it_would_stay_readable_and_is_refused() -> None:
    with pytest.raises(FieldErrors) as told:
        parameters.validate_call(KEYED.manifest, {"args": ["4711-0815"]})
    assert told.value.errors[0] == {"field": "args", "message": "Enter pin in kwargs: only there it is kept secret"}


def test_a_copy_opens_in_no_other_organisation_or_plugin(seal: Seal) -> None:
    kept = sealing.sealed(KEYED, CALL, 1, seal)
    other = Plugin(Manifest("other", "Other", "Has a pin too.", any_input=True, parameters=(PIN,)), "file:other")
    for plugin, organization in ((KEYED, 2), (other, 1)):
        with pytest.raises(SealError):
            sealing.opened(plugin, {"kwargs": {"pin": kept["kwargs"]["pin"]}}, organization, seal)
