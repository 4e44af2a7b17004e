import os
import signal
import subprocess
import sys

import pytest

# A child of a parent without threads, as the supervisor is; pytest itself may have some.
PARENT = """
import os, signal, sys, time
from workers.children import fork, spawn
signal.signal(signal.SIGTERM, lambda *_: print("the parent's handler ran", flush=True))
read, write = os.pipe()
"""


@pytest.fixture
def parent():
    def run(program):
        argv = [sys.executable, "-c", PARENT + program]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": "."})

    return run


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("lambda: None", 0),
        ("lambda: 3", 3),
        ("lambda: sys.exit(4)", 4),
        ("lambda: sys.exit('no')", 1),
        ("lambda: 1 / 0", 1),
    ],
)
def test_the_exit_code_is_what_the_work_gives(parent, work, code):
    assert parent(f"print(fork({work}).wait())").stdout == f"{code}\n"


def test_a_failure_is_told_and_never_goes_on_in_the_parents_code(parent):
    done = parent("fork(lambda: 1 / 0).wait(); print('once')")
    assert done.stdout == "once\n" and "ZeroDivisionError" in done.stderr


def test_it_ends_by_signals_as_a_new_program_would(parent):
    done = parent("child = fork(lambda: time.sleep(60)); child.terminate(); print(child.wait())")
    assert done.stdout == f"{-signal.SIGTERM}\n"


def test_it_is_in_a_session_of_its_own_and_reads_nothing(parent):
    done = parent("fork(lambda: print(os.getsid(0) == os.getpid(), os.read(0, 1), flush=True)).wait()")
    assert done.stdout == "True b''\n"


def test_what_it_writes_can_be_read(parent):
    done = parent("fork(lambda: print('told'), stdout=write).wait(); os.close(write); print(os.read(read, 99))")
    assert done.stdout == "b'told\\n'\n"


def test_what_the_parent_alone_may_hold_is_closed(parent):
    done = parent("print(fork(lambda: os.fstat(read) and 0, close=(read,)).wait())")
    assert done.stdout == "1\n" and "Bad file descriptor" in done.stderr


def test_text_that_waits_in_the_parent_is_written_once(parent):
    assert parent("sys.stdout.write('once '); fork(lambda: None).wait()").stdout == "once "


def test_a_spawned_program_knows_whom_to_follow(parent):
    child = "import os; print(os.environ['MUSTER_SUPERVISOR'])"
    done = parent(f"spawn([sys.executable, '-c', {child!r}]).wait(); print(os.getpid())")
    assert len(set(done.stdout.split())) == 1
