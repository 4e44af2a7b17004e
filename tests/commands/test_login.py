"""`muster login` keeps a server and a token; `muster completion` prints what shells read."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import Muster

pytestmark = pytest.mark.one_database

NOBODY = {"MUSTER_URL": "", "MUSTER_TOKEN": ""}


def test_after_a_login_no_verb_has_to_be_told(muster: Muster, environment: dict[str, str], tmp_path: Path) -> None:
    url, token = environment["MUSTER_URL"], environment["MUSTER_TOKEN"]
    answer = muster("login", url, "--token-file", "-", stdin=token + "\n", **NOBODY)
    assert answer.returncode == 0, answer.stderr
    assert f"Signed in to {url} as " in answer.stdout and token not in answer.stdout
    assert muster("tasks", **NOBODY).returncode == 0
    assert stat.S_IMODE((tmp_path / ".config/muster/default.token").stat().st_mode) == 0o600


def test_a_token_that_is_not_taken_changes_nothing(muster: Muster, environment: dict[str, str], tmp_path: Path) -> None:
    answer = muster("login", environment["MUSTER_URL"], "--token-file", "-", stdin="wrong", **NOBODY)
    assert (answer.returncode, answer.stdout) == (4, "")
    assert not (tmp_path / ".config").exists()


def test_what_somebody_wrote_into_the_file_stays(muster: Muster, environment: dict[str, str], tmp_path: Path) -> None:
    url, token = environment["MUSTER_URL"], environment["MUSTER_TOKEN"]
    file = tmp_path / ".config/muster/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('# mine\n[default]\nurl = "https://elsewhere.example"\n')
    other = muster("login", url, "--token-file", "-", stdin=token, **NOBODY)
    assert other.returncode == 2 and "choose another --profile" in other.stderr
    assert muster("login", url, "--token-file", "-", "--profile", "lab", stdin=token, **NOBODY).returncode == 0
    assert file.read_text().startswith('# mine\n[default]\nurl = "https://elsewhere.example"\n')
    assert muster("tasks", "--profile", "lab", **NOBODY).returncode == 0


def test_a_shell_reads_the_completion(muster: Muster) -> None:
    script = muster("completion", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert "_MUSTER_COMPLETE" in script and "_MUSTER_COMPLETE" in muster("completion", "fish").stdout
    answer = muster(_MUSTER_COMPLETE="bash_complete", COMP_WORDS="muster lo", COMP_CWORD="1")
    assert answer.stdout.split() == ["plain,loops", "plain,logs", "plain,login"]
