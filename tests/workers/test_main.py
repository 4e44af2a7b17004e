"""`muster up` as a person starts it: the real processes, on a free port, with a data folder of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.workers.processes import alive, until

PARTS = {"valkey-server", "muster web", "muster worker", "muster loops"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """A running `muster up` and what it has printed."""

    def __init__(self, data, out, **env):
        self.port = int(env.get("PORT", free_port()))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        own = {"MUSTER_DATA": str(data), "PORT": str(self.port), "MUSTER_WAKE_PORT": str(free_port())}
        self.data, self.out = data, out
        with out.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp.cli", "up"],
                env={**clean, "MUSTER_DEMO": "0", **own, **env},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self):
        return self.out.read_text()

    def ready(self):
        until(lambda: "\nMuster is ready" in self.text() or self.process.poll() is not None, 60)
        assert "\nMuster is ready" in self.text(), self.text()
        return self

    def end(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def serves(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                return answer.status == 200
        except OSError:
            return False

    def parts(self):
        """The supervisor's children, by the name that `ps` shows."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {name: pid for pid in map(int, listed.split()) if (name := name_of(pid))}


def name_of(pid):
    try:
        return alive(pid) and Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None  # it has ended meanwhile


def running(data):
    """The processes that work for this data folder."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MUSTER_DATA={data}\0".encode() in (folder / "environ").read_bytes() and alive(int(folder.name)):
                found.add(int(folder.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


@pytest.fixture
def start(tmp_path):
    started = []

    def go(data=tmp_path / "var", **env):
        started.append(Up(data, tmp_path / f"{len(started)}.out", **env))
        return started[-1]

    yield go
    for each in started:
        each.end(signal.SIGKILL)
    until(lambda: not running(tmp_path / "var"))


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    """One that runs, for tests that leave it running."""
    folder = tmp_path_factory.mktemp("up")
    up = Up(folder / "var", folder / "out", MUSTER_ADMIN_PASSWORD="correct horse battery").ready()
    yield up
    up.end()


def test_it_says_when_it_is_ready_and_how_to_sign_in(up):
    line = next(line for line in up.text().splitlines() if line.startswith("Muster is ready"))
    assert f"http://127.0.0.1:{up.port} " in line and "admin" in line and "horse" not in line
    assert up.serves()


def test_each_part_has_a_line_before_that(up):
    names = [line.split()[1] for line in up.text().splitlines() if line.startswith("✓")]
    assert names[:5] == ["broker", "database", "web", "worker", "loops"]


def test_a_second_one_on_the_same_data_is_told(up, start):
    second = start(up.data)
    assert second.process.wait(30) == 2
    assert "Muster already runs on" in second.text()


def test_every_part_that_is_killed_comes_back(up):
    before = up.parts()
    assert set(before) >= PARTS
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: set(up.parts()) >= PARTS and not set(up.parts().values()) & set(before.values()))
    until(up.serves)


def test_ctrl_c_stops_everything_and_a_second_start_keeps_the_data(start, tmp_path):
    first = start().ready()
    assert re.search(r"password \S+ ", first.text())
    assert first.end() == 0
    assert not running(tmp_path / "var")
    assert "password" not in start().ready().text()


def test_nothing_stays_when_the_supervisor_is_killed(start, tmp_path):
    start().ready().end(signal.SIGKILL)
    until(lambda: not running(tmp_path / "var"), 60)
    assert start().ready().serves()


def test_a_taken_port_is_told(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        up = start(PORT=str(taken.getsockname()[1]))
        assert up.process.wait(30) == 2
    assert f"cannot listen on 127.0.0.1:{up.port}: Address already in use. Set PORT to a free one" in up.text()


def test_a_data_folder_that_cannot_be_made_is_told(start, tmp_path):
    (tmp_path / "file").write_text("")
    up = start(tmp_path / "file" / "var")
    assert up.process.wait(30) == 2
    assert "Set MUSTER_DATA to a folder of yours" in up.text()


def test_settings_that_cannot_be_used_are_told(start):
    up = start(MUSTER_WORKERS="many")
    assert up.process.wait(30) == 2
    assert up.text() == "Error: MUSTER_WORKERS: 'many' is not a whole number of at least 0\n"
