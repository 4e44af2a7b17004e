"""What the quick start and the page on the terminal show works as it stands there, on a product that really runs."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers.processes import until
from tests.workers.up import Up

ROOT = Path(__file__).parents[2]
GUIDES = ("quickstart", "terminal")
SHOWN = [
    line for name in GUIDES for line in re.findall(r"^muster .*$", (ROOT / f"docs/{name}.md").read_text(), re.MULTILINE)
]
ENDED, WAITING = "8f3a21bc", "8f3a21bc 77aa01d2"


class Terminal:
    """A person's shell, with `muster` on its path."""

    def __init__(self, up, home):
        (home / "muster").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m webapp.cli "$@"\n')
        (home / "muster").chmod(0o755)
        self.home = home
        self.env = {
            "PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home), "PYTHONPATH": str(ROOT), "MUSTER_DATA": str(up.data),
            "MUSTER_URL": f"http://127.0.0.1:{up.port}",
        }  # fmt: skip
        self.env["MUSTER_TOKEN"] = self("muster token create --user admin --name guide").stdout.strip()

    def __call__(self, line, stdin=""):
        return subprocess.run(
            ["sh", "-c", line], input=stdin, env=self.env, cwd=self.home, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip


@pytest.fixture
def up(tmp_path):
    up = Up(tmp_path / "var", tmp_path / "up.log", MUSTER_DEMO="1").ready()
    yield up
    up.end()


@pytest.fixture
def terminal(up, tmp_path):
    terminal = Terminal(up, tmp_path)
    host = socket.gethostname()
    until(lambda: "online" in terminal("muster agents -o tsv").stdout)
    assert terminal(f"muster agents tag {host} --add web").returncode == 0
    yield terminal
    terminal("muster cancel -q status:open --yes")  # else the end would wait for the samples


@pytest.fixture
def ids(terminal):
    """Of a task that has ended, and of two that wait for a host that never comes."""
    ended = terminal("muster run --plugin demo --input hello --wait").stdout.split()[0]
    waiting = [terminal("muster run --tag nowhere -- true").stdout.split()[0] for _ in range(2)]
    return {ENDED: ended, WAITING: " ".join(waiting)}


def test_what_they_show_works(terminal, ids):
    assert [said for line in SHOWN if (said := run(terminal, ids, line)).returncode] == []


def run(terminal, ids, line):
    meant = line.replace("web-1", socket.gethostname()).replace(
        "https://muster.example.com", terminal.env["MUSTER_URL"]
    )
    for shown in (WAITING, ENDED):
        meant = meant.replace(shown, ids[shown])
    if "--watch" in line:
        return watched(terminal, meant)
    return terminal(meant, stdin=terminal.env["MUSTER_TOKEN"] + "\n" if "login" in line else "y\n")


def watched(terminal, line):
    """It goes on until Ctrl-C."""
    with subprocess.Popen(["sh", "-c", f"exec {line}"], env=terminal.env, stdout=subprocess.PIPE, text=True) as process:
        assert "hello" in process.stdout.readline() + process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)
    return subprocess.CompletedProcess(line, 0)
