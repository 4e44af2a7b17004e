"""Every window between two steps of a task's life, hit on purpose: the process is killed there, or raises there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Faulty
from tests.workers.processes import until
from webapp import crash

Fall = Callable[..., Any]

# What becomes of a task whose worker falls there, once its lease is over, and how often it has run.
WORKER = {
    "claimed": ("completed", None, 1),
    "permitted": ("failed", "worker_lost", 0),
    "ended": ("failed", "worker_lost", 1),
    "finished": ("failed", "worker_lost", 1),
}
LAUNCHING = ("launched", "committed", "rung")
HOW = pytest.mark.parametrize("how", ["killed", "raising"])


@pytest.fixture
def fall(lasting: Faulty) -> Iterator[Fall]:
    """Starts a part that is to fall at a point, and waits until it has."""
    parts = []

    def go(name: str, point: str, how: str) -> None:
        part = lasting.start_part(name, MUSTER_FAULT_POINT=fault(point, how))
        parts.append(part)
        begun = lasting.text().count(f"Crash: {point}")
        if how == "killed":
            until(lambda: part.poll() is not None)
            assert part.returncode == -9
        else:
            until(lambda: lasting.text().count(f"Crash: {point}") > begun)

    yield go
    for part in parts:
        part.kill()
        part.wait()


def fault(point: str, how: str) -> str:
    return f"{point}:1" + (":raise" if how == "raising" else "")


@HOW
@pytest.mark.parametrize("point", WORKER)
def test_a_worker_falls(lasting: Faulty, fall: Fall, point: str, how: str) -> None:
    uuid = lasting.launch(f"{point}-{how}")[0]
    fall("worker-1", point, how)
    lasting.minutes_pass()
    status, reason, runs = WORKER[point]
    if how == "killed" and status == "completed":
        lasting.start_part("worker-1")
    task = lasting.becomes(uuid, status)
    assert (task.reason, task.outcome_known) == (reason, status == "completed")
    assert [mark.uuid for mark in lasting.marks()].count(uuid) == runs
    lasting.kill("worker-1")


def test_who_launches_falls(site: Faulty) -> None:
    """Before the commit there is nothing; from then on the task is there, and it runs once."""
    fallen = {(point, how): launching(site, point, how) for point in LAUNCHING for how in ("killed", "raising")}
    codes = {(point, how): process.wait(60) for (point, how), process in fallen.items()}
    assert codes == {(point, how): -9 if how == "killed" else 1 for point, how in fallen}
    made = {task.input: task for task in site.tasks()}
    assert set(made) == {f"{point}-{how}" for point, how in fallen if point != "launched"}
    assert {task.status for task in made.values()} == {"pending"}
    site.start_part("worker-1")
    for task in made.values():
        site.becomes(task.uuid, "completed")
    assert sorted(mark.key for mark in site.marks()) == sorted(made)


def launching(site: Faulty, point: str, how: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tests.faults.launching", f"{point}-{how}"]
    env = os.environ | site.env | {"MUSTER_FAULT_POINT": fault(point, how)}
    return subprocess.Popen(argv, env=env, stdout=site.log, stderr=site.log)


@HOW
def test_the_scheduler_falls_as_it_releases_a_task(lasting: Faulty, fall: Fall, how: str) -> None:
    uuid = lasting.launch(f"released-{how}", options={"not_before": lasting.soon()})[0]
    fall("loops", "released", how)
    if how == "killed":
        assert lasting.task(uuid).status == "scheduled"
        lasting.start_part("loops")
    lasting.becomes(uuid, "pending")
    assert lasting.task(uuid).moves == 2
    lasting.kill("loops")


def test_every_point_has_a_place_in_the_code_and_a_test() -> None:
    root = Path(crash.__file__).parents[1]
    files = [*root.glob("webapp/**/*.py"), *root.glob("workers/**/*.py")]
    placed = re.findall(
        r'crash_here\("(\w+)"\)', "\n".join(file.read_text() for file in files if file.name != "crash.py")
    )
    assert set(placed) == set(crash.POINTS)
    assert set(crash.POINTS) == {*WORKER, *LAUNCHING, "released", "fired"}
