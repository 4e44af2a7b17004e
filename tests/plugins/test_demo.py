import os
import signal
import subprocess
import sys

import pytest

from tests.plugins.conftest import ROOT


@pytest.mark.parametrize("given", ["x", ["x"], {"a": [1]}, 5, None, [], "日本"])
def test_it_takes_any_input(run, given):
    assert run("demo", given).code == 0


def test_it_shows_what_a_task_can_do(run):
    ran = run("demo", "www.example.com")
    assert ran.code == 0 and ran.result == {"lines": 40, "created": "internet|www.example.com"}
    assert "\x1b[31m" in ran.stdout and "日本語" in ran.stdout
    assert ran.stdout.count("::group::") == ran.stdout.count("::endgroup::") == 4
    assert "also says this on stderr" in ran.stderr
    assert ran.of("progress")[-1]["fraction"] == 1.0
    assert [event["type"] for event in ran.of("file")] == ["text", "json"]


def test_it_creates_an_object_from_any_input(run):
    assert run("demo", {"a": 1}).keys("software") == ["muster-demo|1.0"]


@pytest.mark.parametrize("lines", [0, 1, 11])
def test_it_prints_as_many_lines_as_asked(run, lines):
    ran = run("demo", "x", kwargs={"lines": lines, "colours": False, "progress": False})
    assert sum(line.startswith("line ") for line in ran.stdout.splitlines()) == lines
    assert "\x1b" not in ran.stdout and ran.of("progress") == []


def test_it_prints_as_many_bytes_as_asked(run):
    small, large = (run("demo", "x", kwargs={"lines": 0, "size": size}) for size in (0, 250_001))
    assert len(large.stdout) - len(small.stdout) == 250_001


def test_it_fails_when_asked_to(run):
    ran = run("demo", "x", kwargs={"lines": 1, "fail": True})
    assert ran.code == 1 and ran.error["text"].startswith("Failed on purpose")


def test_it_ends_with_the_code_asked_for(run):
    assert run("demo", "x", kwargs={"lines": 1, "exit_code": 42}).code == 42


def test_its_log_showcase_has_two_thousand_lines_and_a_secret(run):
    ran = run("demo", "x", action="log_showcase", settings={"token": "s3cr3t-of-the-demo"})
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if not line.startswith("::")]
    assert len(lines) == 2001 and "s3cr3t-of-the-demo" in lines[0]


def test_its_failure_on_purpose_has_a_traceback(run):
    ran = run("demo", "x", action="fail_on_purpose")
    assert ran.error["reason"] == "plugin_error" and "fail_on_purpose" in ran.error["traceback"]


@pytest.fixture
def started(tmp_path):
    """A demo that runs until it is killed; its first lines can be read."""
    command = [sys.executable, "-m", "webapp.plugins.execute", str(tmp_path)]
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:

        def start(kwargs: str) -> subprocess.Popen[str]:
            process.stdin.write(f'{{"plugin_id": "demo", "kwargs": {kwargs}}}')
            process.stdin.close()
            return process

        yield start
        process.kill()


def test_it_can_refuse_to_end(started):
    process = started('{"seconds": 600, "ignore_sigterm": true}')
    assert "SIGTERM" in process.stdout.readline()
    process.terminate()
    assert process.stdout.readline().startswith("Demo with the input")  # it goes on
    process.kill()
    assert process.wait() == -signal.SIGKILL


def test_it_can_leave_children_in_sessions_of_their_own(started):
    process = started('{"seconds": 600, "children": 2}')
    children = [int(process.stdout.readline().split()[1]) for _ in range(2)]
    try:
        assert all(os.getsid(child) == child != os.getsid(process.pid) for child in children)
    finally:
        for child in children:
            os.killpg(child, signal.SIGKILL)
