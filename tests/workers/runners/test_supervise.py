"""A supervisor on its own, as the agent's runner is one: it has signals instead of a worker."""

import os
import signal
import subprocess
import sys

import pytest

from tests.workers.processes import alive, until
from workers.agent import record

PROGRAM = """
import os, resource, sys
from pathlib import Path
from workers.agent.supervise import Job, Supervisor
folder = Path(sys.argv[1])
def body(report):
    report("plugin_error", "é" * 10_000, "t" * 100_000)
    return 9
job = dict(output=folder, record=folder / "exit.json", cwd="/", env=dict(os.environ), grace=0.3)
Supervisor(Job(**job, **eval(sys.argv[2])), orders=0 if sys.argv[3] == "orders" else None).run()
"""
CHATTY = ["sh", "-c", "echo $$; setsid sleep 600 & echo $!; wait"]


class Supervised:
    def __init__(self, folder):
        self.folder = folder

    def start(self, orders=False, **job):
        argv = [sys.executable, "-c", PROGRAM, self.folder, repr(job), "orders" if orders else ""]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE)
        return self

    def start_with(self, job, limit=""):
        argv = [sys.executable, "-c", limit + PROGRAM, self.folder, job, ""]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE)
        return self

    def pids(self):
        """The two of CHATTY, once it has said them."""
        path = self.folder / "stdout"
        return until(
            lambda: path.exists() and (seen := path.read_text()).count("\n") == 2 and list(map(int, seen.split()))
        )

    def ended(self):
        self.process.communicate(timeout=60)
        return record.read(self.folder / "exit.json")


@pytest.fixture
def supervised(tmp_path):
    one = Supervised(tmp_path)
    yield one
    one.process.kill()
    one.process.communicate()


def test_sigint_cancels(supervised):
    pids = supervised.start(argv=CHATTY).pids()
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.ended().exit_code == record.CANCELLED
    assert not any(map(alive, pids))


def test_sigterm_is_the_end_of_whoever_started_it(supervised):
    pids = supervised.start(argv=CHATTY, lost_reason="agent_offline").pids()
    supervised.process.send_signal(signal.SIGTERM)
    ended = supervised.ended()
    assert (ended.exit_code, ended.reason) == (record.LOST, "agent_offline")
    assert not any(map(alive, pids))


def test_an_order_cancels(supervised):
    supervised.start(orders=True, argv=CHATTY).pids()
    supervised.process.stdin.write(b"cancel\n")
    supervised.process.stdin.flush()
    assert supervised.ended().exit_code == record.CANCELLED


def test_the_end_of_orders_is_the_end_of_whoever_gave_them(supervised):
    pids = supervised.start(orders=True, argv=CHATTY).pids()
    supervised.process.stdin.close()
    supervised.process.stdin = None
    assert supervised.ended().exit_code == record.LOST
    assert not any(map(alive, pids))


def test_a_supervisor_killed_takes_its_child_along(supervised):
    child, _ = supervised.start(argv=["sh", "-c", "echo $$; echo 1; exec sleep 600"]).pids()
    supervised.process.kill()
    until(lambda: not alive(child))
    assert supervised.ended() is None


def test_output_that_cannot_be_stored_is_told_and_the_child_goes_on(supervised):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    argv = [sys.executable, "-c", "import os\nfor n in range(10): os.write(1, b'x' * 50_000)"]
    ended = supervised.start_with(repr({"argv": argv}), limit).ended()
    assert (ended.exit_code, ended.reason, ended.sizes["stdout"]) == (0, "resource_limit", 100_000)
    assert ended.dropped_bytes == 400_000
    assert os.path.getsize(supervised.folder / "stdout") == 100_000


@pytest.mark.parametrize(
    ("error", "reason"), [("ENOSPC", "disk_full"), ("EDQUOT", "disk_full"), ("EIO", "internal_error")]
)
def test_files_that_cannot_be_tidied_are_told_with_the_right_reason(supervised, error, reason):
    tidy = f"import errno, os\ndef tidy():\n    raise OSError(errno.{error}, os.strerror(errno.{error}), 'out/a')\n"
    ended = supervised.start_with("{'argv': ['true'], 'tidy': tidy}", tidy).ended()
    assert (ended.exit_code, ended.reason) == (0, reason)
    assert ended.error.startswith("output could not be kept: ") and ended.error.endswith("'out/a'")


def test_a_long_report_is_cut_and_arrives(supervised):
    ended = supervised.start_with("{'body': body}").ended()
    assert (ended.exit_code, ended.reason, ended.error) == (9, "plugin_error", "é" * 4000)
    assert len(ended.traceback) == 16_000


def test_a_record_never_has_half_a_text(tmp_path):
    file = record.RecordFile(tmp_path / "exit.json")
    assert record.read(tmp_path / "exit.json") is None
    long = record.ExitRecord(1, error="e" * 10_000)
    file.write(long)
    assert record.read(tmp_path / "exit.json") == long
    assert os.listdir(tmp_path) == ["exit.json"]


def test_a_record_of_a_newer_version_can_be_read():
    assert record.ExitRecord.from_dict({"exit_code": 3, "weather": "fine"}).exit_code == 3
