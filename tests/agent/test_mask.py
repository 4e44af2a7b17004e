"""Secrets are found in every spelling and across every border, and nothing else changes."""

import base64
import errno
import itertools
import json
import os
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.agent.mask import STARS, Masker, files_in, masked, of_streams

SECRETS = ["correct-horse/battery+staple=", 'quote"and\\back', "line one!\nline two!", "pässwörd", "abcabcabd"]
FILL = st.binary(max_size=40)


def through(secrets, *chunks):
    masker = Masker(secrets)
    return b"".join([*(masker.feed(chunk) for chunk in chunks), masker.end()])


def spellings(secret):
    raw = secret.encode()
    return [
        raw,
        urllib.parse.quote(secret, safe="").encode(),
        urllib.parse.quote_plus(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
    ]


@given(st.sampled_from(SECRETS), st.integers(0, 4), FILL, FILL, st.lists(st.integers(0, 200), max_size=6))
def test_a_secret_is_masked_in_every_spelling_however_it_is_cut(secret, which, before, after, cuts):
    text = spellings(secret)[which]
    data = before + text + after
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    out = through([secret], *(data[a:b] for a, b in itertools.pairwise(places)))
    assert text not in out
    assert STARS in out
    assert out == through([secret], data)


@given(st.binary(min_size=0, max_size=5), st.binary(max_size=5))
def test_base64_is_masked_at_every_alignment(before, after):
    text = base64.b64encode(before + b"correct-horse-battery" + after)
    out = through(["correct-horse-battery"], text)
    # 27 of its characters depend on nothing but the secret.
    assert STARS in out and len(out) - len(STARS) <= len(text) - 27


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_what_is_no_secret_passes_unchanged(chunks):
    assert through(["correct-horse-battery"], *chunks) == b"".join(chunks)


def test_lines_of_a_secret_are_masked_one_by_one():
    assert through(["BEGIN KEY\nabcdefgh\nEND KEY"], b"> abcdefgh <") == b"> *** <"


def test_the_longest_of_overlapping_secrets_wins():
    assert through(["abcdef", "abcdefgh"], b"abcde", b"fgh!") == b"***!"
    assert through(["abcdef", "abcdefgh"], b"abcde", b"f!") == b"***!"


def test_a_beginning_that_comes_to_nothing_is_let_go():
    assert through(["abcabcabd"], b"abcabc", b"abcabd") == b"abc***"


def test_a_prompt_is_not_held_back():
    masker = Masker(["correct-horse"])
    assert masker.feed(b"Password: ") == b"Password: "
    assert masker.feed(b"corr") == b""
    assert masker.feed(b"al\n") == b"corral\n"


def test_four_characters_are_a_secret():
    assert through(["4711"], b"pin=47", b"11;") == b"pin=***;"


def test_the_streams_of_a_task_do_not_mix():
    mask = of_streams(["hunter22"], (1, 2))
    assert mask(1, b"a hunt", False) + mask(2, b"b", False) + mask(1, b"er22", False) == b"a b***"
    assert mask(1, b" hunt", False) + mask(1, b"", True) == b" hunt"


def test_short_secrets_are_left_alone():
    assert through(["yes", ""], b"yes, yes") == b"yes, yes"


def test_json_values_are_masked_in_depth():
    value = {"a": ["x hunter22 y", 1, None], "hunter22": {"b": True}}
    assert masked(value, ["hunter22"]) == {"a": ["x *** y", 1, None], "***": {"b": True}}


def test_files_of_a_folder_are_kept_without_it_and_nothing_else_changes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "told").write_bytes(b"x" * (2**20 - 3) + b"pass" + "wörd pässwörd".encode())
    (tmp_path / "free").write_bytes(b"\0\xff" * 1000)
    (tmp_path / "link").symlink_to(tmp_path.parent / "elsewhere")
    (tmp_path.parent / "elsewhere").write_text("pässwörd")
    before = (tmp_path / "free").stat().st_ino
    files_in(str(tmp_path), ["pässwörd"])
    assert (tmp_path / "a" / "told").read_bytes() == b"x" * (2**20 - 3) + b"pass" + "wörd ***".encode()
    assert (tmp_path / "free").stat().st_ino == before and (tmp_path.parent / "elsewhere").read_text() == "pässwörd"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "free", "link", "told"]


def test_a_file_that_cannot_be_kept_without_it_is_not_kept(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).write_text("pässwörd")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        files_in(str(tmp_path), ["pässwörd"])
    assert list(tmp_path.iterdir()) == []
