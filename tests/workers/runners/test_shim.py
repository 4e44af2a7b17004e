"""What one task's process may do, and how its end is told. Each with real processes."""

import json
import os
import pwd
import signal
import sys

import pytest

from tests.workers.processes import alive, until
from workers.agent import record

PID = "import os, pathlib; pathlib.Path('pids').mkdir(exist_ok=True); pathlib.Path(f'pids/{os.getpid()}').touch(); "


def test_a_command_ends_with_its_exit_code(bench):
    ended = bench.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ended.exit_code, ended.signal, ended.reason) == (7, None, None)
    assert (bench.text("stdout"), bench.text("stderr")) == ("out\n", "err\n")
    assert ended.sizes == {"stdout": 4, "stderr": 4}
    assert ended.ended_ms >= ended.started_ms
    assert ended.max_rss > 0
    assert ended.escaped == 0


def test_the_record_is_on_disk_and_only_for_us(bench):
    ended = bench.run("true")
    path = bench.output / "exit.json"
    assert record.read(path) == ended
    assert path.stat().st_mode & 0o777 == 0o600
    assert bench.output.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in bench.output.iterdir()) == ["exit.json", "index", "stderr", "stdout"]


def test_a_signal_is_told_apart_from_an_exit_code(bench):
    ended = bench.run("sh", "-c", "kill -SEGV $$")
    assert (ended.exit_code, ended.signal) == (128 + signal.SIGSEGV, signal.SIGSEGV)


def test_a_command_sees_exactly_its_environment(bench, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "of the server")
    bench.run("env", env={"PATH": os.environ["PATH"], "GIVEN": "yes"})
    assert sorted(bench.text().split()) == sorted([f"PATH={os.environ['PATH']}", "GIVEN=yes"])


def test_a_command_inherits_no_descriptor(bench):
    bench.python("import os; print(sorted(os.listdir('/proc/self/fd'))[:4], os.read(0, 1))")
    assert bench.text() == "['0', '1', '2', '3'] b''\n"  # 3 is the listing itself


def test_a_missing_program_never_started(bench):
    ended = bench.run("no-such-program")
    assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "spawn_failed")
    assert ended.error == "no-such-program: No such file or directory"


def test_a_file_that_is_no_program_never_started(bench, tmp_path):
    (tmp_path / "text").write_text("text")
    ended = bench.run(str(tmp_path / "text"))
    assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "spawn_failed")
    assert "Permission denied" in ended.error


def test_a_missing_working_directory_never_started(bench, tmp_path):
    ended = bench.run("true", cwd=tmp_path / "gone")
    assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "spawn_failed")
    assert str(tmp_path / "gone") in ended.error


def test_no_place_for_the_output_never_started(bench, tmp_path):
    (tmp_path / "0").write_text("in the way")
    ended = bench.run("true")
    assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "spawn_failed")


def test_an_unknown_user_never_started(bench):
    ended = bench.run("true", run_as="no-such-user")
    assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "run_as_failed")
    assert "no-such-user" in ended.error


def test_run_as_needs_root_and_then_leaves_nothing_of_it(bench):
    ended = bench.run("sh", "-c", "id -un; id -G; grep NoNewPrivs /proc/self/status", run_as="nobody", cwd="/")
    if os.geteuid() != 0:
        assert (ended.exit_code, ended.reason) == (record.NEVER_STARTED, "run_as_failed")
        return
    group = pwd.getpwnam("nobody").pw_gid
    assert bench.text().split() == ["nobody", str(group), "NoNewPrivs:", "1"]


def test_another_user_can_end_at_a_timeout_too(bench):
    if os.geteuid() != 0:
        assert bench.run("true", run_as="nobody").reason == "run_as_failed"
        return
    ended = bench.run("sh", "-c", "trap '' TERM; sleep 60", run_as="nobody", cwd="/", timeout=0.3, grace=0.2)
    assert (ended.exit_code, ended.escaped) == (record.TIMEOUT, 0)


def test_a_command_runs_in_its_session_without_core_dumps(bench):
    bench.python("import os, resource; print(os.getsid(0) == os.getpid(), resource.getrlimit(resource.RLIMIT_CORE))")
    assert bench.text() == "True (0, 0)\n"


def test_ignored_signals_are_not_inherited(bench):
    bench.run("grep", "SigIgn", "/proc/self/status")
    reserved = 1 << 31 | 1 << 32  # 32 and 33 are the C library's own: no program can set them
    assert int(bench.text().split()[1], 16) & ~reserved == 0


def test_timeout_ends_a_command(bench):
    ended = bench.run("sleep", "600", timeout=0.2)
    assert (ended.exit_code, ended.reason, ended.signal) == (record.TIMEOUT, "timeout", signal.SIGTERM)
    assert ended.ended_ms - ended.started_ms >= 200


def test_who_ignores_term_is_killed_after_the_grace(bench):
    handle = bench.begin("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done", grace=0.3)
    until(lambda: bench.text() == "deaf\n")
    handle.cancel()
    ended = handle.wait(30)
    assert (ended.exit_code, ended.signal, ended.escaped) == (record.CANCELLED, signal.SIGKILL, 0)


def test_last_words_after_term_are_kept(bench):
    handle = bench.begin("sh", "-c", "trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.05; done")
    until(lambda: bench.text() == "hello\n")
    handle.cancel()
    ended = handle.wait(30)
    assert bench.text() == "hello\nbye\n"
    assert ended.exit_code == record.CANCELLED


def test_a_stopped_process_is_ended_too(bench):
    ended = bench.run("sh", "-c", "kill -STOP $$", timeout=0.3, grace=0.3)
    assert (ended.exit_code, ended.escaped) == (record.TIMEOUT, 0)


def test_cancel_ends_a_command(bench):
    handle = bench.begin("sh", "-c", "echo begun; sleep 600")
    until(lambda: bench.text() == "begun\n")
    handle.cancel()
    ended = handle.wait(30)
    assert (ended.exit_code, ended.reason) == (record.CANCELLED, "cancelled")


def test_cancel_after_the_end_changes_nothing(bench):
    handle = bench.begin("true")
    assert handle.wait(30).exit_code == 0
    handle.cancel()
    assert handle.wait(30).exit_code == 0
    assert bench.run("true").exit_code == 0


STAY = PID + "import time; time.sleep(600)"
ESCAPES = {
    "setsid": "import os; os.fork() or os.setsid(); " + STAY,
    "double fork": "import os; os.fork() and os._exit(0); os.setsid(); os.fork(); " + STAY,
    "deaf": "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork() or os.setsid(); " + STAY,
}


@pytest.mark.parametrize("program", ESCAPES.values(), ids=ESCAPES)
def test_no_descendant_outlives_a_task(bench, program):
    handle = bench.begin(
        "sh", "-c", '"$@" & wait; sleep 600', "sh", sys.executable, "-I", "-S", "-c", program, grace=0.3
    )
    until(lambda: len(bench.pids()) == 2)
    handle.cancel()
    assert handle.wait(30).escaped == 0
    assert not any(map(alive, bench.pids()))


def test_a_tree_of_two_hundred_is_killed(bench):
    program = (
        PID + "import sys, time\n"
        "for _ in range(199):\n"
        "    if os.fork() == 0:\n"
        "        if int(time.monotonic_ns()) % 2: os.setsid()\n"
        "        " + PID + "\n"
        "        os.write(1, b'.'); time.sleep(600)\n"
        "os.write(1, b'.'); time.sleep(600)"
    )
    handle = bench.begin_python(program, grace=0.2)
    until(lambda: bench.text() == 200 * ".")
    handle.cancel()
    assert handle.wait(60).escaped == 0
    assert len(bench.pids()) == 200
    assert not any(map(alive, bench.pids()))


def test_a_tree_that_keeps_growing_is_killed(bench):
    program = (
        PID
        + "import time\nwhile True:\n    if os.fork() == 0: time.sleep(0.05); "
        + PID
        + "time.sleep(600)\n    time.sleep(0.002)"
    )
    ended = bench.python(program, timeout=0.5, grace=0.1)
    assert (ended.exit_code, ended.escaped) == (record.TIMEOUT, 0)
    assert not any(map(alive, bench.pids()))


def test_a_daemon_does_not_outlive_the_command_that_left_it(bench):
    program = (
        PID + "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); " + PID + "os.closerange(0, 3); "
    )
    ended = bench.python(program + "import time; time.sleep(600)")
    assert (ended.exit_code, ended.reason, ended.escaped) == (0, None, 0)
    assert not any(map(alive, bench.pids()))


def test_a_background_job_may_finish_its_words(bench):
    ended = bench.run("sh", "-c", "(sleep 0.3; echo late) & echo early")
    assert ended.exit_code == 0
    assert bench.text() == "early\nlate\n"


def test_a_background_job_that_holds_the_output_is_not_waited_for_long(bench):
    ended = bench.run("sh", "-c", "sleep 600 & echo early")
    assert (ended.exit_code, ended.escaped) == (0, 0)
    assert bench.text() == "early\n"


def test_closing_stdout_early_is_no_end(bench):
    ended = bench.python("import os, time; os.write(1, b'a'); os.close(1); os.close(2); time.sleep(0.3); os._exit(5)")
    assert (ended.exit_code, ended.sizes["stdout"]) == (5, 1)


def test_the_memory_limit_of_a_command(bench):
    ended = bench.python("bytearray(10**9)", memory_bytes=300 * 2**20)
    assert (ended.exit_code, ended.reason) == (1, "memory_limit")
    assert "MemoryError" in bench.text("stderr")


def test_enough_memory_is_no_limit(bench):
    assert bench.python("bytearray(10**8)", memory_bytes=300 * 2**20).exit_code == 0


def test_the_memory_limit_of_a_plugin_is_what_it_may_add(bench):
    ended = bench.call("eat", {"bytes": 200 * 2**20}, memory_bytes=100 * 2**20)
    assert (ended.exit_code, ended.reason) == (1, "memory_limit")
    assert bench.call("eat", {"bytes": 50 * 2**20}, memory_bytes=100 * 2**20).exit_code == 0


def test_a_plugin_gets_its_call_and_a_place_of_its_own(bench, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "of the server")
    assert bench.call("show", {"what": "this"}, env={"GIVEN": "yes"}).exit_code == 0
    seen = json.loads(bench.text())
    assert seen["call"] == {"what": "this"}
    assert seen["folder"] == seen["cwd"] == str(bench.dir)
    assert seen["env"] == {"GIVEN": "yes"}
    assert (seen["umask"], seen["core"], seen["stdin"]) == (0o077, 0, "")
    assert len(seen["descriptors"]) <= 5  # the three streams, the report, the listing itself


def test_a_plugin_speaks_on_both_streams(bench):
    bench.call("speak")
    assert (bench.text("stdout"), bench.text("stderr")) == ("to stdout\n", "to stderr\n")


@pytest.mark.parametrize("name", ["give", "leave"])
def test_a_plugin_may_say_its_exit_code(bench, name):
    assert bench.call(name, {"code": 4}).exit_code == 4
    assert bench.call(name, {"code": None}).exit_code == 0


def test_a_closed_connection_is_an_error_and_not_the_end_of_a_plugin(bench):
    assert bench.call("write_to_nobody").exit_code == 0
    assert bench.text() == "nobody there\n"


def test_a_plugin_that_raises_leaves_its_traceback(bench):
    ended = bench.call("fail", {"text": "what it was"})
    assert (ended.exit_code, ended.reason, ended.error) == (1, "plugin_error", "ValueError: what it was")
    assert ended.traceback.startswith("Traceback (most recent call last):\n")
    assert "entries.py" in ended.traceback
    assert "shim.py" not in ended.traceback
    assert bench.text() == "before\n"


def test_a_plugin_that_is_not_there_says_so(bench):
    ended = bench.run(entry="tests.workers.runners.nothing:run")
    assert (ended.exit_code, ended.reason) == (1, "plugin_error")
    assert "ModuleNotFoundError" in ended.error


def test_a_plugin_that_dies_by_a_signal(bench):
    ended = bench.call("vanish", {"signal": signal.SIGKILL})
    assert (ended.exit_code, ended.signal, ended.reason) == (137, signal.SIGKILL, None)


def test_a_call_of_any_size_arrives(bench):
    assert bench.call("give", {"code": 3, "padding": "ü" * 3_000_000}).exit_code == 3
