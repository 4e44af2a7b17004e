"""`muster signing-key`: on the server itself, beside its files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.config import load
from webapp.library.signing import Signing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    assert muster(tmp_path, "migrate").returncode == 0
    return tmp_path


def signing_key(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return muster(home, "signing-key", *words)


def muster(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"MUSTER_DATA": str(home), "PYTHONPATH": str(ROOT), "PATH": ""}
    command = [sys.executable, "-m", "webapp.cli", *words]
    return subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False)


def test_a_key_is_rotated_then_revoked(home: Path) -> None:
    old = signing_key(home, "list").stdout.split()[0]
    assert signing_key(home, "revoke", old).returncode == 1
    rotated = signing_key(home, "rotate")
    new = rotated.stdout.strip()
    assert rotated.returncode == 0 and new != old, rotated.stderr
    assert signing_key(home, "revoke", old).stdout == f"{old} is revoked\n"
    lines = [line.split()[:2] for line in signing_key(home, "list").stdout.splitlines()]
    assert lines == [[old, "revoked"], [new, "active"]]
    trust = json.loads(Signing(load({"MUSTER_DATA": str(home)}).signing_key_file).trust_file.read_bytes())
    assert len(trust["roots"]) == 3


def test_a_key_that_nobody_has(home: Path) -> None:
    done = signing_key(home, "revoke", "nothing")
    assert done.returncode == 1 and "There is no signing key nothing" in done.stderr
