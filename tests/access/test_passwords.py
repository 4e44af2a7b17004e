"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import pytest

from webapp.access import passwords


@pytest.mark.parametrize(
    "weak",
    ["short", "elevenchars", "x" * 129, "aaaaaaaaaaaaaa", "abababababab", "123456789012", "abcdefghijkl", "qwertyuiop12",
     "0987654321098", "Password1234", "P@ssw0rd!!!!", "password-password", "Welcome12345!", "musterMUSTER1", "ana.silva2026",
     "Changeme!!!!!", "zxcvbnmasdfg"],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(weak: str) -> None:
    assert passwords.weakness(weak, ["ana.silva", "Ana"])


@pytest.mark.parametrize(
    "good",
    ["seven wooden ladders", "x7#pQ2!vLm90", "correcthorsebattery", "ünïcödé wörds hërë", "a" * 20 + "bcdefgh 123"],
)
def test_anything_else_is_taken_whatever_it_is_made_of(good: str) -> None:
    assert passwords.weakness(good, ["ana.silva"]) is None


def test_a_reason_says_what_to_do() -> None:
    assert passwords.weakness("short") == "Use 12 characters or more. Several words in a row are easy to remember"


def test_a_made_up_one_is_good_and_never_the_same() -> None:
    made = {passwords.random() for _ in range(50)}
    assert len(made) == 50
    assert not any(passwords.weakness(each) for each in made)


def test_two_hashes_of_one_password_differ_and_both_verify() -> None:
    first, second = passwords.hashed("seven wooden ladders"), passwords.hashed("seven wooden ladders")
    assert first != second and first.startswith("$argon2id$")
    assert passwords.verify(first, "seven wooden ladders") and passwords.verify(second, "seven wooden ladders")
    assert not passwords.verify(first, "seven wooden ladder")


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$broken", "$2b$12$x"])
def test_a_hash_that_is_none_opens_nothing(stored: str) -> None:
    assert not passwords.verify(stored, "")
    assert not passwords.verify(stored, stored)
