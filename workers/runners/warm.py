"""How a worker runs its tasks: each in a child of its own, forked in a millisecond from warm code.

`WarmParent.run(work)` may be called from any thread. The warm parent is told to die with the thread that
started it (PR_SET_PDEATHSIG is about threads, not processes), so a thread that lives as long as the worker
does all the starting: otherwise a restart by a short-lived thread would kill the tasks of all the others.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from workers.agent import record
from workers.agent.record import ExitRecord
from workers.runners.line import Closed, Line

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_START_SECONDS = 60  # for the imports of all plugins on a busy host
_ATTEMPTS = 3
_MAIN = (
    "import json, sys; settings = json.loads(sys.argv[1]); sys.path[:] = settings['path']; "
    "from workers.runners.nursery import main; main(settings)"
)


class NotStarted(Exception):
    """The task has certainly not begun: it may be given back."""


@dataclass(frozen=True)
class Work:
    """`entry` ("module:function", called with (call, dir)) or `argv`. The environment is exactly `env`.

    `secrets` are texts that must not be in the output.
    """

    task_id: str
    dir: Path
    output_dir: Path
    entry: str | None = None
    call: dict = field(default_factory=dict, repr=False)
    secrets: list[str] = field(default_factory=list, repr=False)
    argv: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    timeout: float | None = None
    memory_bytes: int | None = None
    max_output: int | None = None
    run_as: str | None = None
    grace: float = 10.0

    def order(self) -> dict:
        """What the shim needs to know."""
        names = ("task_id", "dir", "output_dir", "cwd", "timeout", "memory_bytes", "max_output", "run_as", "grace")
        told = {"executes": self.entry is None, "masks": bool(self.secrets)}
        return told | {name: _plain(getattr(self, name)) for name in names}

    def content(self) -> BinaryIO:
        """What only the child may know, in a file without a name."""
        file: BinaryIO
        if hasattr(os, "memfd_create"):
            file = os.fdopen(os.memfd_create("work"), "w+b")
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115
        wanted = {name: getattr(self, name) for name in ("entry", "call", "argv", "env", "secrets")}
        file.write(json.dumps(wanted).encode())
        file.flush()
        return file


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


class WarmParent:
    """`preload` are the modules to import before the first fork, plugins and what they need."""

    def __init__(self, preload: list[str] | None = None):
        self.preload = preload or []
        self._lock = threading.Lock()
        self._wanted: queue.SimpleQueue[Future[_Nursery] | None] = queue.SimpleQueue()
        self._spawner: threading.Thread | None = None
        self._nursery: _Nursery | None = None
        self._idle: list[Line] = []

    @property
    def pid(self) -> int | None:
        return self._nursery.process.pid if self._nursery else None

    def start(self) -> None:
        with self._lock:
            self._open()

    def run(self, work: Work) -> "Handle":
        """Returns when the task's shim has it; raises NotStarted."""
        with work.content() as content:
            while (line := self._take_idle()) is not None:
                if line.order(work.order(), content, _START_SECONDS):
                    return Handle(work, line, self._idle.append)
            for _ in range(_ATTEMPTS):
                line = self._hatch()
                if line is not None and line.order(work.order(), content, _START_SECONDS):
                    return Handle(work, line, self._idle.append)
        raise NotStarted("the warm parent does not answer")

    def stop(self, timeout: float = 30) -> None:
        """Stops what still runs, too."""
        while (line := self._take_idle()) is not None:
            line.close()
        with self._lock:
            self._close(timeout)
            if self._spawner is not None:
                self._wanted.put(None)
                self._spawner.join()
                self._spawner = None

    def _take_idle(self) -> Line | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _hatch(self) -> Line | None:
        with self._lock:
            nursery = self._open()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(nursery.channel, [b"shim"], [theirs.fileno()])
            return Line(ours)
        except OSError:
            ours.close()
        with self._lock:
            if self._nursery is nursery:  # else another thread has already replaced it
                self._close(0)
        return None

    def _open(self) -> "_Nursery":
        if self._spawner is None:
            self._spawner = threading.Thread(target=self._spawn_on_demand, name="warm-parent", daemon=True)
            self._spawner.start()
        if self._nursery is None:
            future: Future[_Nursery] = Future()
            self._wanted.put(future)
            self._nursery = future.result()
        return self._nursery

    def _close(self, timeout: float) -> None:
        if self._nursery is not None:
            self._nursery.close(timeout)
            self._nursery = None

    def _spawn_on_demand(self) -> None:
        while (future := self._wanted.get()) is not None:
            try:
                future.set_result(self._spawn())
            except BaseException as error:
                future.set_exception(error)

    def _spawn(self) -> "_Nursery":
        # Sequenced packets keep a request and its descriptor together, whichever threads send.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"parent": os.getpid(), "channel": theirs.fileno(), "preload": self.preload, "path": sys.path}
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, json.dumps(settings)],
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return _Nursery(child, ours)


class _Nursery(NamedTuple):
    process: subprocess.Popen[bytes]
    channel: socket.socket

    def close(self, timeout: float) -> None:
        self.channel.close()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Handle:
    """One running task."""

    def __init__(self, work: Work, line: Line, give_back: Callable[[Line], None]):
        self.task_id = work.task_id
        self.pid = line.pid
        self._record = work.output_dir / "exit.json"
        self._line: Line | None = line
        self._give_back = give_back if not work.secrets else Line.close  # such a shim goes with its task
        self._waiting, self._using = threading.Lock(), threading.Lock()
        self._ended: ExitRecord | None = None

    def fileno(self) -> int:
        """Readable when the task has ended, for a selector over many; -1 once wait() has said so."""
        with self._using:
            return -1 if self._line is None else self._line.fileno()

    def cancel(self) -> None:
        with self._using:  # not after the line has become another task's
            if self._line is not None:
                self._line.cancel()

    def wait(self, timeout: float | None = None) -> ExitRecord | None:
        """How it ended, or None when it has not within `timeout` seconds."""
        with self._waiting:
            if self._line is not None:
                self._ended = self._hear(self._line, timeout)
            return self._ended

    def _hear(self, line: Line, timeout: float | None) -> ExitRecord | None:
        try:
            ended = line.ended(timeout)
        except TimeoutError:
            return None
        except Closed:
            # The shim is dead. If it was killed after its last act, the record is there.
            ended = record.read(self._record) or record.lost("worker_lost")
        with self._using:
            self._line = None
        if line.open and not ended.escaped and ended.exit_code != record.LOST:
            self._give_back(line)
        else:
            line.close()
        return ended
