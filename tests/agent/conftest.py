import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.agent.server import PATIENCE, Server
from workers.agent import build, tree
from workers.agent.folder import TaskFolder

# The agent runs on older Pythons than its server: name one, and all of this is tried there.
PYTHON = os.environ.get("MUSTER_AGENT_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> Path:
    """The packed agent, as hosts run it."""
    path = tmp_path_factory.mktemp("program") / "muster-agent.pyz"
    build.build(str(path))
    return path


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.close()
    assert made.objections == []


@pytest.fixture
def host(tmp_path, server, program):
    made = Host(tmp_path / "work", server, program)
    made.enrol()
    yield made
    made.end()


@pytest.fixture
def agent(host):
    """An enrolled agent that runs."""
    host.start()
    return host


class Host:
    """One agent on this machine: its work dir, and its process when it runs."""

    def __init__(self, path: Path, server: Server, program: Path):
        self.path, self.server, self.program = path, server, program
        self.process = None
        self.log = path.parent / "agent.log"

    def call(self, *arguments, **options):
        command = [PYTHON, "-I", str(self.program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)

    def enrol(self, *arguments, token="enr_good"):
        return self.call("enrol", "--server", self.server.url, "--work-dir", str(self.path), *arguments, input=token)

    def start(self, *arguments, env=None):
        command = [PYTHON, "-I", str(self.program), "run", "--work-dir", str(self.path), *arguments]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True, env=env)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self):
        """Nothing of a test outlives it, whatever it did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for folder in self.folders():
            pid = self.runner(folder)
            if pid:
                os.kill(pid, signal.SIGKILL)

    def policy(self, **rules):
        (self.path / "policy.json").write_text(json.dumps(rules))
        return self

    def folders(self):
        return sorted(path for path in (self.path / "tasks").glob("[!.]*"))

    def folder(self, row) -> TaskFolder:
        (path,) = [path for path in self.folders() if path.name.startswith(row.id)]
        return TaskFolder(str(path))

    def runner(self, folder):
        """The pid of the living runner of a folder."""
        try:
            known = tree.Identity(*json.loads((Path(folder) / "runner.json").read_text()))
        except (FileNotFoundError, ValueError):
            return None
        return known.pid if tree.is_running(known) else None

    def queue(self):
        return sorted(path.name for path in (self.path / "queue").glob("*.json"))

    def rejected(self):
        return sorted(path.name for path in (self.path / "rejected").iterdir())


def until(what, why="it did not happen"):
    """Asks again and again until the answer is yes, and returns it."""
    end = time.monotonic() + PATIENCE
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, why
        time.sleep(0.01)
