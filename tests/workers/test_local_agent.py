import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.agent.server import Server
from tests.workers.processes import until
from webapp.config import load
from workers import local_agent


@pytest.fixture
def server(tmp_path):
    (tmp_path / "server").mkdir()
    made = Server(tmp_path / "server")
    yield made
    made.close()
    assert made.objections == []


@pytest.fixture
def settings(tmp_path, server):
    return load({"MUSTER_DATA": str(tmp_path / "var"), "PORT": str(urlsplit(server.url).port)})


@pytest.fixture
def token(settings):
    path = local_agent.work_dir(settings.data) / local_agent.TOKEN
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("enr_good\n")
    return path


@pytest.fixture
def agent(settings, token):
    env = os.environ | {"MUSTER_DATA": str(settings.data), "PORT": str(settings.port)}
    process = subprocess.Popen([sys.executable, "-m", "webapp.cli", "local-agent"], env=env, stderr=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def test_it_enrols_with_the_token_that_waits_and_spends_it(agent, settings, server, token):
    until(lambda: server.asked("heartbeat"))
    assert not token.exists()
    assert (local_agent.work_dir(settings.data) / "agent.json").exists()


def test_it_stops_in_order_when_asked(agent, server):
    until(lambda: server.asked("heartbeat"))
    agent.terminate()
    assert agent.wait(30) == 0


def test_it_runs_only_where_it_is_known_or_about_to_be(settings, tmp_path):
    assert not local_agent.wanted(settings)
    (tmp_path / "var" / "agent").mkdir(parents=True)
    (tmp_path / "var" / "agent" / "agent.json").write_text("{}")
    assert local_agent.wanted(settings)
    away = load({"MUSTER_DATA": str(settings.data), "MUSTER_HOST": "0.0.0.0"})
    assert not local_agent.wanted(away)
