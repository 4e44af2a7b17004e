"""What becomes of a plugin's process: result, output, exit code, and the reason when it fails."""

import hashlib
import os
import resource
import signal
import subprocess
import sys

import pytest

from tests.plugins.conftest import ROOT
from webapp.plugins.journal import read_events

HEAD = """
import errno, os, socket, sys, time
from webapp.plugins.contract import Manifest, Parameter
PLUGIN = Manifest("own", "Own", "One of ours.", consumes=("hostname",), parameters=(Parameter("depth", "integer", 2),),
                  settings=(Parameter("key", "secret", "none"),))
"""


def plugin(body: str) -> str:
    return HEAD + "def run(context):\n" + "".join(f"    {line}\n" for line in body.splitlines())


def test_a_plugin_gets_its_call_and_returns_a_result(run, plugins):
    body = "return [context.input, context.network, context.parameters, context.settings, context.args]"
    ran = run("own", "office|Db1", location=plugins("own.py", plugin(body)), args=[5], settings={"key": "k"})
    assert (ran.code, ran.result) == (0, ["db1", "office", {"depth": 5}, {"key": "k"}, [5]])


def test_each_object_names_the_input_that_it_came_from(run, plugins):
    ran = run("own", "a.example", location=plugins("own.py", plugin('context.emit("software", name="x")')))
    assert ran.of("object")[0]["source"] == {"type": "hostname", "key": "internet|a.example"}


def test_what_a_plugin_tells_has_no_secrets(run, plugins):
    body = 'key = context.settings["key"]\ncontext.progress(0.5, key)\ncontext.emit("software", name=key)\nraise KeyError(key)'
    ran = run("own", "a.example", location=plugins("own.py", plugin(body)), settings={"key": "quiet-riot"})
    assert [event["kind"] for event in ran.events] == ["progress", "object", "error"]
    assert "quiet-riot" not in str(ran.events) and ran.error["text"] == "KeyError: '***'"


def test_what_a_plugin_keeps_has_no_secrets(run, plugins):
    body = 'context.save("key.txt", f"<{context.settings[\'key\']}>")\ncontext.save("free.bin", bytes(range(256)))'
    ran = run("own", "a.example", location=plugins("own.py", plugin(body)), settings={"key": "quiet-riot"})
    told, free = ran.of("file")
    assert (ran.task_dir / "out" / "key.txt").read_text() == "<***>" and told["size"] == 5
    assert told["sha256"] == hashlib.sha256(b"<***>").hexdigest()
    assert (ran.task_dir / "out" / "free.bin").read_bytes() == bytes(range(256)) and free["size"] == 256
    assert sorted(path.name for path in (ran.task_dir / "out").iterdir()) == ["free.bin", "key.txt"]


def test_output_and_events_keep_their_places(run, plugins):
    body = 'print("out ü \\udcff")\nprint("err", file=sys.stderr)\ncontext.progress(0.5, "half")'
    ran = run("own", "a.example", location=plugins("own.py", plugin(body)))
    assert (ran.stdout, ran.stderr) == ("out ü \\udcff\n", "err\n")
    assert [event["kind"] for event in ran.events] == ["progress", "result"]


@pytest.mark.parametrize(
    ("body", "reason", "text"),
    [
        ('raise RuntimeError("no luck")', "plugin_error", "RuntimeError: no luck"),
        ("raise KeyError", "plugin_error", "KeyError"),
        ('context.fail("nobody there", "network_error")', "network_error", "nobody there"),
        ('context.emit("hostname", name="a b")', "plugin_error", "Enter a hostname"),
        ("return object()", "plugin_error", "not JSON serializable"),
        ("return float('nan')", "plugin_error", "cannot be kept"),
        ("raise MemoryError", "memory_limit", "MemoryError"),
        ("socket.create_connection(('127.0.0.1', 1), 1)", "network_error", "ConnectionRefusedError"),
        ("raise OSError(errno.EHOSTUNREACH, 'no route')", "network_error", "no route"),
        ("raise OSError(errno.ENOSPC, 'full')", "disk_full", "full"),
        ("raise OSError(errno.EMFILE, 'many')", "resource_limit", "many"),
        ("open('/proc/1/mem/x')", "plugin_error", "NotADirectoryError"),
        ("raise PermissionError(13, 'no')", "permission_denied", "no"),
        ("import nothing_of_this_name", "plugin_error", "ModuleNotFoundError"),
        ("def f(): f()\nf()", "plugin_error", "RecursionError"),
    ],
)
def test_an_error_has_a_reason_and_a_text(run, plugins, body, reason, text):
    ran = run("own", "a.example", location=plugins("own.py", plugin(body)))
    assert ran.code == 1 and ran.of("result") == []
    assert ran.error["reason"] == reason and text in ran.error["text"]


def test_a_traceback_shows_the_plugin_and_nothing_of_ours(run, plugins):
    ran = run("own", "a.example", location=plugins("own.py", plugin('raise RuntimeError("no luck")')))
    assert ran.error["traceback"] == ran.stderr
    assert "own.py" in ran.stderr and "execute.py" not in ran.stderr


def test_a_failure_that_was_foreseen_has_no_traceback(run, plugins):
    ran = run("own", "a.example", location=plugins("own.py", plugin('context.fail("nobody there")')))
    assert "traceback" not in ran.error and ran.stderr == "nobody there\n"


@pytest.mark.parametrize(("code", "ended"), [("", 0), ("0", 0), ("3", 3), ("'stopped'", 1), ("259", 3)])
def test_a_plugin_chooses_its_exit_code(run, plugins, code, ended):
    ran = run("own", "a.example", location=plugins("own.py", plugin(f"sys.exit({code})")))
    assert (ran.code, ran.events) == (ended, [])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"input_data": "a b"}, "Enter a hostname"),
        ({"input_data": ["a.example", "office|b.example"]}, "one network"),
        ({"kwargs": {"depth": "x"}}, "kwargs.depth: Enter a whole number"),
        ({"settings": {"key": 5}}, "settings.key: Enter text"),
        ({"action": "jump"}, "no action jump"),
    ],
)
def test_a_call_that_no_longer_fits_is_refused_before_it_runs(run, plugins, call, says):
    location = plugins("own.py", plugin('print("ran")'))
    ran = run("own", **{"input_data": "a.example", "location": location, **call})
    assert (ran.code, ran.stdout, ran.error["reason"]) == (1, "", "invalid_input")
    assert says in ran.error["text"]


@pytest.mark.parametrize("source", ["syntax error", "x = 1", HEAD, HEAD + "def run(): pass", "raise SystemExit(0)"])
def test_a_broken_file_fails_its_task(run, plugins, source):
    ran = run("own", "a.example", location=plugins("own.py", source))
    assert ran.of("result") == []
    assert ran.error["reason"] == "plugin_error"


def test_a_plugin_is_found_by_its_id_in_the_folder(run, plugins, tmp_path):
    plugins("own.py", plugin("return 1"))
    assert run("own", "a.example", folder=str(tmp_path / "plugins")).result == 1
    assert "no plugin other" in run("other", folder=str(tmp_path / "plugins")).error["text"]


def test_memory_that_ends_is_the_reason(run, plugins):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20,) * 2)

    ran = run("own", "a.example", location=plugins("own.py", plugin("kept = bytearray(2**30)")), limits=limit)
    assert ran.error["reason"] == "memory_limit"


def test_a_file_larger_than_allowed_is_the_reason(run, plugins):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000,) * 2)

    ran = run(
        "own", "a.example", location=plugins("own.py", plugin('context.save("big", b"x" * 20_000)')), limits=limit
    )
    assert ran.code == 1 and ran.error["reason"] == "resource_limit"


def test_what_was_told_before_a_kill_is_kept(tmp_path, plugins):
    location = plugins("own.py", plugin('context.emit("software", name="x")\nprint("ready")\ntime.sleep(600)'))
    command = [sys.executable, "-m", "webapp.plugins.execute", str(tmp_path)]
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as process:
        process.stdin.write(f'{{"plugin_id": "own", "input_data": "a.example", "location": "{location}"}}'.encode())
        process.stdin.close()
        assert process.stdout.readline() == b"ready\n"  # a line is out at once, not when a buffer is full
        process.kill()
    assert [event["kind"] for event in read_events(tmp_path)[0]] == ["object"]


def test_a_folder_that_is_gone_is_said_on_stderr(tmp_path):
    command = [sys.executable, "-m", "webapp.plugins.execute", str(tmp_path / "gone")]
    ended = subprocess.run(command, input=b"{}", capture_output=True, env={"PYTHONPATH": str(ROOT)})
    assert ended.returncode == 1 and b"folder of the task cannot be used" in ended.stderr


def test_a_child_forked_from_a_warm_parent_runs_a_plugin(tmp_path):
    """As workers do: the parent imports once, each task is a fork of it."""
    script = (
        "import importlib, os, sys; from pathlib import Path; from webapp.plugins import execute\n"
        "for name in execute.preload(): importlib.import_module(name)\n"
        "child = os.fork()\n"
        "if not child: os._exit(execute.run_plugin({'location': 'builtin:demo'}, Path(sys.argv[1])))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env={"PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert ended.returncode == 0 and ended.stdout.count(b"\n") > 40
    assert read_events(tmp_path)[0][-1]["kind"] == "result"


def test_the_warm_parent_has_no_web_and_no_database():
    script = (
        "import importlib, sys, threading; from webapp.plugins import execute\n"
        "for name in execute.preload(): importlib.import_module(name)\n"
        "assert threading.active_count() == 1\n"
        "heavy = ('flask', 'sqlalchemy', 'redis', 'rq', 'webapp.db', 'webapp.config')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    assert ended.stdout.strip() == b"[]"


def test_a_setting_of_an_older_version_is_left_out(run, plugins):
    location = plugins("own.py", plugin("return context.settings"))
    assert run("own", "a.example", location=location, settings={"gone": 1}).result == {"key": "none"}
