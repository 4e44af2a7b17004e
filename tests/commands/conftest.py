"""The command line as a process of its own, against the whole app on a socket of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.rest.conftest import Api
from tests.rest.conftest import api as api  # fixtures
from tests.rest.conftest import url as url

ROOT = Path(__file__).parents[2]
Muster = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(url: str, api: Api, tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    own = {"MUSTER_URL": url, "MUSTER_TOKEN": api("operator").token, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    return kept | own


@pytest.fixture
def muster(environment: dict[str, str], session: Session) -> Muster:
    def call(*words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        session.commit()  # looking at a row has begun a transaction, which on SQLite keeps the server from writing
        command = [sys.executable, "-m", "webapp.cli", *words]
        return subprocess.run(
            command, input=stdin, env=environment | env, cwd=environment["HOME"], capture_output=True, text=True, timeout=120
        )  # fmt: skip

    return call
