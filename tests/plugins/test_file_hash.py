import hashlib

import pytest


@pytest.mark.parametrize("content", [b"", b"content", b"x" * 3_000_000])
def test_a_file_is_hashed(run, tmp_path, content):
    (tmp_path / "input").write_bytes(content)
    ran = run("file_hash", {"file": "1"}, file=str(tmp_path / "input"))
    assert ran.code == 0
    assert ran.result == {"size": len(content)} | {
        name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")
    }
    assert ran.of("file")[0]["type"] == "hashes"


@pytest.mark.parametrize(("expected", "code"), [(hashlib.sha1(b"content").hexdigest().upper(), 0), ("0" * 64, 1)])
def test_a_file_is_compared_with_a_hash(run, tmp_path, expected, code):
    (tmp_path / "input").write_bytes(b"content")
    assert run("file_hash", "1", file=str(tmp_path / "input"), kwargs={"expected": expected}).code == code


def test_what_is_no_hash_is_refused(run, tmp_path):
    (tmp_path / "input").write_bytes(b"content")
    ran = run("file_hash", "1", file=str(tmp_path / "input"), kwargs={"expected": "xyz"})
    assert ran.error["reason"] == "invalid_input" and "like d41d8cd9" in ran.error["text"]


def test_a_file_is_needed(run):
    assert run("file_hash", "1").error["text"] == "Choose a file"
    assert run("file_hash").error["reason"] == "invalid_input"
