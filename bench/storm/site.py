"""A whole installation in a folder of its own, each process of which can be killed, frozen and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from bench.storm import marker
from webapp import config, db, queue, schema
from webapp.access.bootstrap import bootstrap
from webapp.clock import now
from webapp.config import Settings
from workers import broker
from workers.children import SUPERVISOR
from workers.parent import bound

KINDS = {"web": "web", "worker-1": "worker", "worker-2": "worker", "loops": "loops", "scheduler-1": "scheduler"}
STOP_SECONDS = 40.0


class Site:
    """`names`: which of KINDS to run beside the broker."""

    def __init__(self, folder: Path, database_url: str = "", names: tuple[str, ...] = tuple(KINDS), **env: str) -> None:
        self.folder, self.names = folder, names
        folder.mkdir(parents=True, exist_ok=True)
        own = {
            "MUSTER_DATA": str(folder / "var"), "PORT": str(free_port()), "SECRET_KEY": "storm", "MUSTER_DEMO": "0",
            "MUSTER_EMBEDDED_AGENT": "no", "MUSTER_ADMIN_PASSWORD": "correct horse battery", "MUSTER_WEB_WORKERS": "1",
            "MUSTER_LOG_LEVEL": "warning", "MUSTER_WAKE_PORT": str(free_port()),
        }  # fmt: skip
        self.env = own | ({"DATABASE_URL": database_url} if database_url else {}) | env
        self.settings: Settings = config.load(self.env)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.frozen: set[str] = set()
        self.away: set[str] = set()  # taken away for a while; they come back when the fault is over
        self.broker: subprocess.Popen[bytes] | None = None
        self.ledger = folder / "ledger"
        self.log = (folder / "site.log").open("ab")
        self.app: Flask = self._made()

    def _made(self) -> Flask:
        self.settings.data.mkdir(mode=0o700, parents=True)
        self.ledger.touch()
        marker.install(self.settings.plugins_folder, self.ledger)
        schema.upgrade(self.settings)
        app = db.core(self.settings)
        with db.unit(app, "storm"):
            bootstrap(self.settings, now())
        queue.connect(self.settings)
        return app

    # --- processes ------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.start_broker()
        for name in self.names:
            self.start_part(name)

    def start_part(self, name: str, **env: str) -> subprocess.Popen[bytes]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MUSTER_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.cli", KINDS.get(name) or name.partition("-")[0]],
            env=clean | self.env | {SUPERVISOR: str(os.getpid())} | env,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            preexec_fn=bound(os.getpid()),
        )
        self.processes[name] = process
        return process

    def start_broker(self) -> None:
        if self.broker is None:
            self.broker = broker.start(self.settings.data)

    def kill(self, name: str, number: int = signal.SIGKILL) -> bool:
        process = self.processes.get(name)
        if process is None or process.poll() is not None:
            return False
        process.send_signal(number)
        if number == signal.SIGKILL:
            self.frozen.discard(name)
            process.wait()
        return True

    def freeze(self, name: str) -> bool:
        if name in self.frozen or not self.kill(name, signal.SIGSTOP):
            return False
        self.frozen.add(name)
        return True

    def thaw(self, name: str) -> None:
        if name in self.frozen:
            self.frozen.discard(name)
            self.kill(name, signal.SIGCONT)

    def kill_broker(self, empty: bool) -> bool:
        if self.broker is None:
            return False
        self.broker.kill()
        self.broker.wait()
        self.broker = None
        if empty:
            shutil.rmtree(self.settings.data / "broker" / "appendonlydir", ignore_errors=True)
        return True

    def dead(self) -> list[str]:
        return [name for name in self.names if name not in self.away and self.processes[name].poll() is not None]

    def heal(self) -> None:
        """Everything runs again."""
        for name in list(self.frozen):
            self.thaw(name)
        self.start_broker()
        for name in self.dead():
            self.start_part(name)

    def stop(self) -> list[int]:
        """As an operator does; gives what is left over, which must be nothing."""
        for name in list(self.frozen):
            self.thaw(name)
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            _wait_or_kill(process)
        if self.broker is not None:
            self.broker.terminate()
            self.broker.wait()
        with self.app.app_context():
            db.db.engine.dispose()
        self.log.close()
        wait_for(lambda: not self.leftovers(), 15)
        return self.leftovers()

    def leftovers(self) -> list[int]:
        return [pid for pid in with_environment(f"MUSTER_DATA={self.settings.data}") if pid != os.getpid()]

    # --- what runs inside -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def unit(self, reading: bool = True) -> Iterator[Any]:
        with db.unit(self.app, "storm", reading=reading) as session:
            yield session

    def children(self, name: str) -> list[int]:
        process = self.processes.get(name)
        return children(process.pid) if process and process.poll() is None else []

    def serves(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=5)
        try:
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(look: Callable[[], object], seconds: float, pause: float = 0.1) -> bool:
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            return False
        time.sleep(pause)
    return True


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + _of_threads(pid)
    except OSError:
        return []


def _of_threads(pid: int) -> list[int]:
    """The kernel lists a child under the thread that forked it."""
    found = []
    for folder in Path(f"/proc/{pid}/task").iterdir():
        if folder.name != str(pid):
            with contextlib.suppress(OSError):
                found += [int(word) for word in (folder / "children").read_text().split()]
    return found


def with_environment(entry: str) -> list[int]:
    """The living processes that carry this in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
