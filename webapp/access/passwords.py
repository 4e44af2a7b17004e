"""Passwords: Argon2id, and what makes one too easy to guess."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.language import _

SHORTEST, LONGEST = 12, 128

# The bases that lists of leaked passwords are made of; twelve characters are reached by decorating one of them.
COMMON = frozenset(
    """access account admin administrator adminadmin baseball batman changeit changeme charlie chocolate computer
    default dragon football freedom google hello hunter iloveyou internet killer letmein liverpool login loveyou
    manager master michael monkey muster mustang mypassword password passwords passphrase pokemon princess
    qazwsx qwerty qwertyuiop asdfghjkl zxcvbnm root samsung secret server shadow starwars summer spring autumn winter
    sunshine superman support supersecret system test tester testing trustno welcome whatever""".split()  # noqa: SIM905
)
LEET = str.maketrans("013457@$!|", "oieastasil")
ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")

# OWASP's parameters. One hash takes 19 MiB and a core for a moment: no more of them at once than cores.
_hasher = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
_turns = BoundedSemaphore(os.cpu_count() or 1)


def hashed(password: str) -> str:
    with _turns:
        return _hasher.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """`None` is nobody's password: it costs the same time, so that user names cannot be found by the clock."""
    with _turns:
        try:
            _hasher.verify(stored or _nobody(_hasher), password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None


def outdated(stored: str) -> bool:
    return _hasher.check_needs_rehash(stored)


def cheap() -> None:
    """For tests, which hash thousands of passwords that guard nothing."""
    global _hasher
    _hasher = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)


def random() -> str:
    """One that a person can read from a screen and type: no letters that look alike."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def weakness(password: str, about: Iterable[str] = ()) -> str | None:
    """Why this password must not be taken, as a sentence. `about`: names that others know of its owner."""
    if len(password) < SHORTEST:
        return _("Use %(shortest)s characters or more. Several words in a row are easy to remember", shortest=SHORTEST)
    if len(password) > LONGEST:
        return _("Use %(longest)s characters at most", longest=LONGEST)
    if len(set(password)) < 5 or _keyboard(password.lower()):
        return _("This password follows a pattern that is guessed first. Choose another one")
    if _bare(password) in COMMON:
        return _("This password is a common word with decoration, which is guessed first. Choose another one")
    if _bare(password) in {_bare(name) for name in about if len(name) > 3}:
        return _("This password is your name with decoration. Choose another one")
    return None


@cache
def _nobody(hasher: PasswordHasher) -> str:
    return hasher.hash(secrets.token_hex(16))


def _keyboard(password: str) -> bool:
    """Runs along the alphabet, the digits or the keyboard, however often repeated."""
    steps = [password[i : i + 2] for i in range(len(password) - 1)]
    along = [pair for row in ROWS for pair in (*_pairs(row), *_pairs(row[::-1]))]
    return sum(pair in along for pair in steps) >= len(steps) * 0.8


def _pairs(row: str) -> list[str]:
    return [row[i : i + 2] for i in range(len(row) - 1)]


def _bare(text: str) -> str:
    """Without decoration: digits and signs at the ends, doubled words, letters replaced by look-alikes."""
    word = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text.lower()).translate(LEET)
    word = re.sub(r"[\W\d_]", "", word)
    return re.sub(r"^(.{4,}?)\1+$", r"\1", word)
