"""A secret opens in its own place, with the key file, and nowhere else."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webapp.seal import Place, Seal, SealError

PLACE = Place(org=1, secret="smtp-password", version=1)
SECRET = "hünter2 hünter2".encode()


@pytest.fixture
def seal(tmp_path):
    return Seal(tmp_path / "keys" / "secrets.key")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=500))
def test_what_is_sealed_opens_again(seal, secret):
    assert seal.unseal(seal.seal(secret, PLACE), PLACE) == secret


def test_the_key_is_made_on_first_use_and_private(seal):
    seal.seal(SECRET, PLACE)
    assert os.stat(seal.key_file).st_mode & 0o777 == 0o600


def test_a_restart_opens_it(seal):
    assert Seal(seal.key_file).unseal(seal.seal(SECRET, PLACE), PLACE) == SECRET


def test_the_same_secret_never_looks_the_same(seal):
    assert seal.seal(SECRET, PLACE) != seal.seal(SECRET, PLACE)


def test_the_text_shows_nothing_of_it(seal):
    assert b"nter2" not in seal.seal(SECRET, PLACE).encode()


@pytest.mark.parametrize("change", [{"org": 2}, {"secret": "other"}, {"version": 2}])
def test_it_does_not_open_in_another_place(seal, change):
    with pytest.raises(SealError, match="another place"):
        seal.unseal(seal.seal(SECRET, PLACE), replace(PLACE, **change))


def test_places_cannot_be_confused_by_their_spelling(seal):
    with pytest.raises(SealError):
        seal.unseal(seal.seal(SECRET, Place('1", "x', "y", 1)), Place("1", 'x", "y', 1))


def test_any_changed_letter_spoils_it(seal):
    sealed = seal.seal(SECRET, PLACE)
    for position in range(len(sealed)):
        changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
        with pytest.raises(SealError):
            seal.unseal(changed, PLACE)


def test_parts_of_two_secrets_do_not_mix(seal):
    one, two = seal.seal(b"one", PLACE).split("."), seal.seal(b"two", PLACE).split(".")
    with pytest.raises(SealError):
        seal.unseal(".".join([*one[:3], two[3]]), PLACE)


def test_without_the_key_file_nothing_opens(seal, tmp_path):
    sealed = seal.seal(SECRET, PLACE)
    with pytest.raises(SealError, match="is not in"):
        Seal(tmp_path / "other.key").unseal(sealed, PLACE)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1.a.b", "v2.aaaaaaaa.AAAA.AAAA", "v1.aaaaaaaa.é.AAAA", "v1.a.AAAA.AAAA.AAAA"]
)
def test_what_is_no_sealed_secret(seal, text):
    with pytest.raises(SealError, match="no sealed secret"):
        seal.unseal(text, PLACE)


def test_after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key(seal):
    sealed = seal.seal(SECRET, PLACE)
    seal.rotate()
    seal.rotate()
    assert seal.unseal(sealed, PLACE) == SECRET
    assert not seal.current(sealed)
    assert seal.current(seal.seal(SECRET, PLACE))


def test_wrapped_anew_it_opens_without_the_earlier_key(seal):
    sealed = seal.seal(SECRET, PLACE)
    seal.rotate()
    anew = seal.wrapped_anew(sealed, PLACE)
    seal.forget()
    assert seal.current(anew)
    assert seal.unseal(anew, PLACE) == SECRET
    assert anew.split(".")[3] == sealed.split(".")[3]
    with pytest.raises(SealError, match="is not in"):
        seal.unseal(sealed, PLACE)


def test_wrapping_anew_needs_the_right_place(seal):
    with pytest.raises(SealError):
        seal.wrapped_anew(seal.seal(SECRET, PLACE), replace(PLACE, org=2))


def test_a_rotation_that_was_cut_off_loses_nothing(seal):
    """The earlier key was kept, the new one not written yet."""
    sealed = seal.seal(SECRET, PLACE)
    seal.old_file.write_bytes(seal.key_file.read_bytes())
    assert seal.unseal(sealed, PLACE) == SECRET
    seal.rotate()
    assert seal.unseal(sealed, PLACE) == SECRET


def test_rotations_by_several_processes_at_once_lose_no_key(seal):
    sealed = seal.seal(SECRET, PLACE)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        during = pool.map(_rotate_and_seal, [str(seal.key_file)] * 8)
    assert [seal.unseal(text, PLACE) for text in [sealed, *during]] == [SECRET] * 9
    assert os.stat(seal.old_file).st_mode & 0o777 == 0o600


def _rotate_and_seal(key_file: str) -> str:
    seal = Seal(Path(key_file))
    seal.rotate()
    return seal.seal(SECRET, PLACE)
