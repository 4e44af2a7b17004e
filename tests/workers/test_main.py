"""`muster up` as a person starts it: the real processes, on a free port, with a data folder of its own."""

import os
import re
import signal
import socket

import pytest

from tests.workers.processes import until
from tests.workers.up import Up, running

PARTS = {"valkey-server", "muster web", "muster worker", "muster loops"}


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
