import os
import re
import signal
import subprocess
import sys

import pytest

from tests.workers.processes import alive, until


class Supervised:
    """A running supervisor with stand-in parts, and what they wrote."""

    def __init__(self, ledger, names):
        self.ledger = ledger
        ledger.touch()
        argv = [sys.executable, "-m", "tests.workers.stand_ins", str(ledger), *names]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)

    def lines(self, start=""):
        return [line for line in self.ledger.read_text().splitlines() if line.startswith(start)]

    def pids(self, name):
        return [int(line.split()[-1]) for line in self.lines(f"{name} up ")]

    def ready(self):
        until(lambda: self.lines("supervisor ready"))
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return errors


@pytest.fixture
def supervised(tmp_path):
    started = []

    def start(*names):
        started.append(Supervised(tmp_path / "ledger", names))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def test_parts_start_in_order_and_stop_in_reverse(supervised):
    run = supervised("one", "forked", "three").ready()
    run.end()
    assert [line.split()[0] for line in run.lines() if " up " in line] == ["one", "forked", "three"]
    assert [line.split()[0] for line in run.lines() if "asked" in line] == ["three", "forked", "one"]
    assert run.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_of_asking_stops_everything(supervised, number):
    run = supervised("one").ready()
    run.end(number)
    assert not alive(run.pids("one")[0])


@pytest.mark.parametrize("name", ["one", "forked one"])
def test_a_killed_part_is_started_again_and_told_in_one_line(supervised, name):
    run = supervised(name, "two").ready()
    os.kill(run.pids(name)[0], signal.SIGKILL)
    until(lambda: len(run.pids(name)) == 2)
    errors = run.end()
    assert len(run.pids("two")) == 1
    assert [line for line in errors.splitlines() if "a part died" in line and "signal 9" in line and name in line]


def test_a_part_that_keeps_dying_waits_longer_each_time(supervised):
    run = supervised("brief").ready()
    until(lambda: len(run.pids("brief")) >= 3)
    assert re.findall(r"again_in='(\S+) s'", run.end())[:2] == ["0.1", "0.2"]


def test_the_whole_process_group_of_a_dead_part_goes(supervised):
    run = supervised("parent").ready()
    os.kill(run.pids("parent")[0], signal.SIGKILL)
    until(lambda: not alive(run.pids("grandchild")[0]))
    run.end()


def test_a_part_that_will_not_stop_is_ended_after_its_grace(supervised):
    run = supervised("one", "stubborn").ready()
    run.end()
    assert [line.split()[0] for line in run.lines() if "asked" in line] == ["stubborn", "one"]
    assert not alive(run.pids("stubborn")[0])


def test_nothing_outlives_a_supervisor_that_is_killed(supervised):
    run = supervised("one", "forked").ready()
    run.end(signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in run.pids("one") + run.pids("forked")))


def test_asking_while_it_starts_stops_what_has_started(supervised):
    run = supervised("one", "never")
    until(lambda: run.lines("never unready"))
    run.end()
    assert not alive(run.pids("one")[0]) and not run.lines("supervisor ready")


def test_a_part_that_fails_to_start_stops_those_before_it(supervised):
    run = supervised("one", "broken")
    until(lambda: run.process.poll() is not None)
    assert run.lines("supervisor failed") == ["supervisor failed: broken ended with exit code 3 while it was starting"]
    assert run.lines("one asked")
