"""A server and hosts of real processes, on the test's own database and broker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.processes import until
from webapp.config import Settings
from workers.agent import build

PATIENCE = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(app: Any, settings: Settings, tmp_path: Path) -> Iterator[Server]:
    found = Server(settings, tmp_path)
    yield found
    found.end()


class Server:
    """Web and loops on the test's own database and broker; web can be taken away and brought back."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.port, self.folder = free_port(), folder
        own = {
            "MUSTER_DATA": settings.data, "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
            "SECRET_KEY": "for-tests", "PORT": self.port, "MUSTER_WAKE_PORT": free_port(), "MUSTER_WEB_WORKERS": 1,
        }  # fmt: skip
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        self.env = clean | {name: str(value) for name, value in own.items()}
        self.env.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self.url = f"http://127.0.0.1:{self.port}"
        self.loops = self.part("loops")
        self.web = self.part("web")
        until(self.answers, PATIENCE)

    def part(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "webapp.cli", name], env=self.env, stdout=log, stderr=log)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def take_web_away(self, hard: bool = False) -> None:
        """`hard`: as the kernel does it when memory is short."""
        self.web.kill() if hard else self.web.terminate()
        self.web.wait(60)

    def bring_web_back(self) -> None:
        self.web = self.part("web")
        until(self.answers, PATIENCE)

    def end(self) -> None:
        for part in (self.web, self.loops):
            if part.poll() is None:
                part.terminate()
                part.wait(60)


class Host:
    """The packed program, enrolled and running."""

    def __init__(self, server: Server, folder: Path, token: str, tags: tuple[str, ...] = ()) -> None:
        self.work, self.program, self.folder = folder / "work", folder / "muster-agent.pyz", folder
        build.build(str(self.program))
        asked = [sys.executable, "-I", str(self.program), "enrol", "--server", server.url, "--work-dir", str(self.work)]
        asked += [word for tag in tags for word in ("--tag", tag)]
        subprocess.run(asked, input=token.encode(), check=True, capture_output=True, timeout=PATIENCE)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "agent.log").open("ab") as log:
            argv = [sys.executable, "-I", str(self.program), "run", "--work-dir", str(self.work), "--kill"]
            return subprocess.Popen(argv, stderr=log)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
