import signal
import subprocess
import sys
import threading

import pytest

from workers import loops

# Loops that stand in for the real ones: `steady` turns until it is told to stop, `failing` ends by itself.
DRIVER = """
import os
import sys
from webapp.config import load
from workers import loops

def steady(settings, stop):
    os.write(1, b"turning\\n")
    stop.wait()
    os.write(1, b"stopped in order\\n")

def failing(settings, stop):
    raise RuntimeError("broken loop")

sys.modules["stand_in"] = sys.modules["__main__"]
loops.LOOPS.update(steady="stand_in:steady", failing="stand_in:failing")
sys.exit(loops.main(load(), sys.argv[1:]))
"""


@pytest.fixture
def run():
    started = []

    def start(*names):
        argv = [sys.executable, "-c", DRIVER, *names]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_each_loop_finish_its_round(run, number):
    process = run("steady", "steady")
    assert process.stdout.readline() == "turning\n" == process.stdout.readline()
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert out == "stopped in order\n" * 2 and process.returncode == 0


def test_a_loop_that_ends_ends_the_process_so_that_it_starts_afresh(run):
    process = run("steady", "failing")
    out, errors = process.communicate(timeout=30)
    assert "stopped in order" in out and "broken loop" in out + errors
    assert process.returncode == 1


def test_a_failed_round_is_followed_by_the_next(monkeypatch):
    monkeypatch.setattr(loops, "LONGEST_PAUSE", 0.01)
    stop, seen = threading.Event(), []

    def tick(now):
        seen.append(now)
        if len(seen) == 1:
            raise RuntimeError("one bad round")
        stop.set()

    loops.rounds("test", tick, 0.01, stop)
    assert len(seen) == 2 and seen[0] <= seen[1]
