"""The warm parent, its shims, and what is left when one of them is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.workers.processes import alive, until
from tests.workers.runners.conftest import ENTRIES, PATH, Bench
from workers.agent import record, tree
from workers.runners.warm import NotStarted, WarmParent


@pytest.fixture
def own(tmp_path):
    """A bench with a warm parent that a test may kill."""
    parent = WarmParent(preload=[ENTRIES, "no.such.plugin"])
    parent.start()
    yield Bench(parent, tmp_path)
    parent.stop()


def asleep(bench):
    handle = bench.begin_call("sleep", grace=0.3)
    until(lambda: bench.text() == "asleep\n")
    return handle, bench.pids()


def test_a_killed_warm_parent_leaves_unknown_outcomes_and_no_process(own):
    handle, pids = asleep(own)
    os.kill(own.warm.pid, signal.SIGKILL)
    ended = handle.wait(30)
    assert (ended.exit_code, ended.reason) == (record.LOST, "worker_lost")
    assert len(pids) == 2
    assert not any(map(alive, pids))
    until(lambda: not alive(handle.pid))


def test_the_next_run_starts_another_warm_parent_from_any_thread(own):
    first = own.warm.pid
    os.kill(first, signal.SIGKILL)
    thread = threading.Thread(target=lambda: own.call("give", {"code": 0}))
    thread.start()
    thread.join()
    second = own.warm.pid
    assert second != first
    # The thread that asked is gone; the parent must not have died with it.
    assert own.call("give", {"code": 5}).exit_code == 5
    assert own.warm.pid == second


def test_a_killed_shim_leaves_an_unknown_outcome_and_no_process(own):
    handle, pids = asleep(own)
    os.kill(handle.pid, signal.SIGKILL)
    assert handle.wait(30).exit_code == record.LOST
    until(lambda: not any(map(alive, pids)))
    assert own.call("give", {"code": 5}).exit_code == 5


def test_a_shim_killed_after_its_record_was_written_is_no_loss(own):
    handle = own.begin_call("give", {"code": 5})
    path = own.output / "exit.json"
    until(path.exists)
    os.kill(handle.pid, signal.SIGKILL)
    assert handle.wait(30).exit_code == 5


def test_a_killed_worker_takes_everything_along(tmp_path):
    program = f"""
import sys, threading
from pathlib import Path
from workers.runners.warm import WarmParent, Work
warm = WarmParent(["{ENTRIES}"])
warm.start()
folder = Path(sys.argv[1])
handle = warm.run(Work("t", folder / "dir", folder / "output", entry="{ENTRIES}:sleep", grace=0.3, env={PATH!r}))
print(warm.pid, handle.pid, flush=True)
handle.wait()
"""
    worker = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in worker.stdout.readline().split()]
    until(lambda: len(list((tmp_path / "dir").glob("pids/*"))) == 2)
    pids += [int(path.name) for path in (tmp_path / "dir" / "pids").iterdir()]
    assert all(map(alive, pids))
    worker.kill()
    worker.communicate()
    until(lambda: not any(map(alive, pids)))
    assert record.read(tmp_path / "output" / "exit.json").exit_code == record.LOST


def test_stop_ends_what_still_runs(tmp_path):
    parent = WarmParent(preload=[ENTRIES])
    bench = Bench(parent, tmp_path)
    handle, pids = asleep(bench)
    nursery = parent.pid
    parent.stop()
    assert handle.wait(30).exit_code == record.LOST
    assert not any(map(alive, [*pids, nursery]))
    assert parent.pid is None


def test_stop_twice_and_start_again(tmp_path):
    parent = WarmParent()
    parent.stop()
    parent.start()
    parent.stop()
    parent.stop()
    assert Bench(parent, tmp_path).run("true").exit_code == 0
    parent.stop()


def test_wait_with_a_timeout_says_nothing_before_the_end(bench):
    handle = bench.begin("cat", "/dev/zero", max_output=10)
    assert handle.wait(0) is None
    assert handle.wait(0.05) is None
    handle.cancel()
    first = handle.wait(30)
    assert first.exit_code == record.CANCELLED
    assert handle.wait() is first
    assert handle.fileno() == -1


def test_one_shim_serves_task_after_task(own):
    handles = []
    for _ in range(5):
        handles.append(own.begin("true"))
        assert handles[-1].wait(30).exit_code == 0
    assert len({handle.pid for handle in handles}) == 1


def test_many_threads_run_many_tasks(own):
    def one(number):
        bench = Bench(own.warm, own.folder / f"many-{number}")
        return bench.call("give", {"code": number}).exit_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(64))) == list(range(64))
    assert len(tree.children(own.warm.pid)) <= 8


def test_no_task_inherits_the_words_of_another(own):
    secret = "a9c1-not-for-others-7f2e"
    assert own.call("give", {"code": 0, "secret": secret}).exit_code == 0
    own.call("search_memory", {"reversed": secret[::-1]})
    own_words, seen = own.text(), len(secret)
    own.call("search_memory", {"reversed": "never-said-by-any-task-1"})
    assert seen == len("never-said-by-any-task-1")
    assert own_words == own.text() != ""


def test_the_warm_parent_knows_nothing_of_the_server(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_KEY", "of the server")
    parent = WarmParent(preload=[ENTRIES])
    parent.start()
    with open(f"/proc/{parent.pid}/environ", "rb") as file:
        assert b"SECRET_KEY" not in file.read()
    with open(f"/proc/{parent.pid}/task/{parent.pid}/comm") as file:
        assert file.read()
    assert os.listdir(f"/proc/{parent.pid}/task") == [str(parent.pid)]  # one thread: it forks
    modules = Bench(parent, tmp_path)
    modules.call("show")
    assert "SECRET_KEY" not in json.loads(modules.text())["env"]
    parent.stop()


def test_what_cannot_start_is_certainly_not_started(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    parent = WarmParent()
    with pytest.raises(NotStarted):
        Bench(parent, tmp_path).run("true")
    parent.stop()
    assert not (tmp_path / "0").exists()
