"""Starting and ending processes as the agent's supervisor does it: each test is a program of its own."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.workers.processes import alive, until
from workers.agent import process, tree


@pytest.fixture
def supervisor(tmp_path):
    """Runs a program as a process with a single thread, and returns what it printed."""

    def run(program):
        program = "import os, sys\nfrom workers.agent import process, tree\n" + textwrap.dedent(program)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": os.getcwd()},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    return run


def test_launch_returns_the_pid_of_a_child_in_its_own_session(supervisor):
    shown, session, pid = supervisor("""
        pid = process.launch(["sh", "-c", "echo $$; cut -d' ' -f6 /proc/$$/stat"], "/", {"PATH": "/bin:/usr/bin"}, 1, 2)
        os.waitpid(pid, 0)
        print(pid)
    """)
    assert shown == session == pid


def test_launch_passes_arguments_as_they_are(supervisor):
    assert supervisor("""
        argv = [sys.executable, "-I", "-c", "import sys; print(sys.argv[1:])", "$(id)", "a b", ";"]
        os.waitpid(process.launch(argv, "/", {}, 1, 2), 0)
    """) == ["['$(id)',", "'a", "b',", "';']"]


def test_launch_runs_the_open_file_whatever_its_name_means_now(supervisor, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho verified $1\n")
    program.chmod(0o500)
    assert supervisor(f"""
        fd = os.open({str(program)!r}, os.O_RDONLY)
        os.unlink({str(program)!r})
        os.waitpid(process.launch(["program", "argument"], "/", {{}}, 1, 2, executable=fd), 0)
    """) == ["verified", "argument"]


def test_launch_gives_stdin_where_asked(supervisor):
    assert supervisor("""
        there, here = os.pipe()
        os.write(here, b"given")
        os.close(here)
        os.waitpid(process.launch(["cat"], "/", {"PATH": "/bin:/usr/bin"}, 1, 2, there), 0)
    """) == ["given"]


def test_launch_survives_streams_in_each_others_places(supervisor):
    assert supervisor("""
        os.dup2(1, 9)
        os.close(0); os.close(1)
        out = os.dup(9)
        assert out == 0
        os.waitpid(process.launch(["echo", "arrived"], "/", {"PATH": "/bin:/usr/bin"}, out, 2), 0)
    """) == ["arrived"]


def test_a_failed_launch_leaves_no_child(supervisor):
    assert supervisor("""
        try:
            process.launch(["nothing"], "/", {"PATH": "/bin"}, 1, 2)
        except process.LaunchError as error:
            print(error.reason, process.reap({}))
    """) == ["spawn_failed", "False"]


def test_a_child_dies_with_its_supervisor(supervisor):
    (pid,) = supervisor("""
        if os.fork() == 0:
            print(process.launch(["sleep", "600"], "/", {"PATH": "/bin:/usr/bin"}, 2, 2), flush=True)
            os.kill(os.getpid(), 9)
        os.wait()
    """)
    until(lambda: not alive(int(pid)))


def test_kill_tree_of_another_process_finds_all_below_it(supervisor):
    survivors, *children = supervisor("""
        root = process.launch(["sh", "-c", "setsid sleep 600 & sleep 600 & wait"], "/", {"PATH": "/bin:/usr/bin"}, 2, 2)
        while len(tree.children(root)) < 2: pass
        children = tree.children(root)
        print(process.kill_tree(root, 5), *children)
    """)
    assert survivors == "0"
    assert not any(alive(int(child)) for child in children)


def test_kill_tree_leaves_others_alone(supervisor):
    assert supervisor("""
        env = {"PATH": "/bin:/usr/bin"}
        other, root = process.launch(["sleep", "600"], "/", env, 2, 2), process.launch(["sleep", "600"], "/", env, 2, 2)
        print(process.kill_tree(root, 5), tree.identify(other) is not None, tree.identify(root))
    """) == ["0", "True", "None"]


def test_kill_tree_of_nothing_is_nothing(supervisor):
    assert supervisor("print(process.kill_tree(os.getpid(), 5))") == ["0"]


def test_kill_tree_hands_over_the_ends_of_children(supervisor):
    assert supervisor("""
        ended = {}
        pid = process.launch(["sleep", "600"], "/", {"PATH": "/bin:/usr/bin"}, 2, 2)
        print(process.kill_tree(os.getpid(), 5, ended=ended), ended[pid].code, ended[pid].max_rss > 0)
    """) == ["0", str(-signal.SIGTERM), "True"]


def test_what_one_may_not_kill_is_counted(supervisor):
    if os.geteuid() != 0:
        with pytest.raises(process.LaunchError):
            process.launch(["true"], "/", {}, 1, 2, run_as="nobody")
        return
    assert supervisor("""
        pid = process.launch(["sleep", "600"], "/", {"PATH": "/bin:/usr/bin"}, 2, 2)
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            print(process.kill_tree(pid, 0, patience=0.2), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(process.kill_tree(pid, 0))
    """) == ["1", "0"]


def test_an_identity_is_of_one_process_of_one_boot():
    child = subprocess.Popen(["sleep", "600"])
    identity = tree.identify(child.pid)
    assert tree.is_running(identity)
    assert not tree.is_running(identity._replace(started="1"))
    assert not tree.is_running(identity._replace(boot_id="another"))
    child.kill()
    until(lambda: not tree.is_running(identity))  # a zombie by now
    child.wait()
    assert tree.identify(child.pid) is None


def test_a_name_with_brackets_does_not_confuse(tmp_path):
    tricky = tmp_path / "a) Z (b"
    os.symlink("/bin/sleep", tricky)
    child = subprocess.Popen([tricky, "600"])
    assert until(lambda: tree.identify(child.pid)).pid == child.pid
    assert child.pid in tree.children(os.getpid())
    child.kill()
    child.wait()
