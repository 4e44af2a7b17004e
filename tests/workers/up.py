"""The product as a person starts it, and what it has said."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.workers.processes import alive, until


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
