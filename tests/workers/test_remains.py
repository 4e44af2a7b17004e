"""What is left when a worker, its warm parent and its shims are killed all at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import alive, until
from webapp import clock
from webapp.config import Settings
from workers import remains

LONG_AGO = (clock.now() - timedelta(days=1)).timestamp()

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells only there")


@contextmanager
def orphan(home: Path, task: str) -> Iterator[int]:
    """A process whose parent has gone, with the environment of a task."""
    code = "import os, sys; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), flush=True); sys.stdin.read()"
    env = {"HOME": str(home), "MUSTER_TASK_ID": task, "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield left_behind(process)


def left_behind(process: subprocess.Popen[bytes]) -> int:
    """The one that has told its id, once the one above it is gone."""
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait(60)
    return pid


def test_a_process_that_nobody_looks_after_is_ended(tmp_path: Path) -> None:
    with orphan(tmp_path / "work" / "a-task", "a-task") as pid:
        assert remains.end_strays(tmp_path) == 1
        until(lambda: not alive(pid))


def test_a_fork_is_known_by_its_folder(tmp_path: Path) -> None:
    """Its environment is that of the warm parent, as the kernel tells it."""
    home = tmp_path / "work" / "a-task"
    home.mkdir(parents=True)
    code = "import os; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), flush=True); os.read(0, 1)"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], cwd=home, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        pid = left_behind(process)
        assert remains.end_strays(tmp_path) == 1
        until(lambda: not alive(pid))


def test_those_of_agents_and_other_installations_are_left_alone(tmp_path: Path) -> None:
    with orphan(tmp_path / "elsewhere" / "a-task", "a-task") as pid:
        assert remains.end_strays(tmp_path) == 0
        assert alive(pid)


def test_folders_of_tasks_that_ended_long_ago_are_removed(session: Session, cast: Cast, settings: Settings) -> None:
    running, ended = made.started(cast.acme).task, made.ended(cast.acme)
    old = made.ended(cast.acme, now=clock.now() - timedelta(days=1))
    for name in (running.uuid, ended.uuid, old.uuid, "unknown"):
        folder = settings.data / "work" / name
        folder.mkdir(parents=True)
        os.utime(folder, (LONG_AGO, LONG_AGO))
    (settings.data / "work" / "new").mkdir()
    assert remains.remove_folders(session, settings.data, clock.now()) == 2
    left = {path.name for path in (settings.data / "work").iterdir()}
    assert left == {running.uuid, ended.uuid, "new"}
