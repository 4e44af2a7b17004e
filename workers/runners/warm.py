"""How a worker runs its tasks: each in a child of its own, forked in a millisecond from a warm parent.

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
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path

from workers.agent import record
from workers.agent.record import ExitRecord

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_START_SECONDS = 60  # for the imports of all plugins on a busy host
_ATTEMPTS = 3
_MAIN = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from workers.runners.nursery import main; main(sys.argv[1])"


class NotStarted(Exception):
    """The task has certainly not begun: it may be given back."""


@dataclass(frozen=True)
class Work:
    """`entry` ("module:function", called with (call, dir)) or `argv`. The environment is exactly `env`."""

    task_id: str
    dir: Path
    output_dir: Path
    entry: str | None = None
    call: dict = field(default_factory=dict)
    argv: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    timeout: float | None = None
    memory_bytes: int | None = None
    max_output: int | None = None
    run_as: str | None = None
    grace: float = 10.0


class WarmParent:
    def __init__(self, preload: list[str] | None = None):
        self.preload = preload or []
        self._lock = threading.Lock()
        self._wanted: queue.SimpleQueue[Future | None] = queue.SimpleQueue()
        self._process: subprocess.Popen | None = None
        self._channel: socket.socket | None = None
        self._started = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._spawner, name="warm-parent", daemon=True).start()
        self._open_channel()

    def run(self, work: Work) -> "Handle":
        """Returns when the task's shim lives; raises NotStarted."""
        order = json.dumps(asdict(work), default=str).encode() + b"\n"
        for _ in range(_ATTEMPTS):
            channel = self._open_channel()
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(channel, [b"task"], [theirs.fileno()])
                return Handle(work, ours, order)
            except (OSError, EOFError) as error:
                ours.close()
                self._give_up(channel)
                trouble = error
        raise NotStarted(f"the warm parent does not answer: {trouble}")

    def stop(self, timeout: float = 30) -> None:
        """Stops what still runs, too."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
            if self._process is not None:
                try:
                    self._process.wait(timeout)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._channel = self._process = None
        if self._started:
            self._wanted.put(None)
            self._started = False

    def _open_channel(self) -> socket.socket:
        with self._lock:
            if self._channel is None:
                future: Future = Future()
                self._wanted.put(future)
                self._process, self._channel = future.result()
            return self._channel

    def _give_up(self, channel: socket.socket) -> None:
        """Only if nobody has replaced it meanwhile."""
        with self._lock:
            if self._channel is channel:
                channel.close()
                self._process.kill()
                self._process.wait()
                self._channel = self._process = None

    def _spawner(self) -> None:
        while (future := self._wanted.get()) is not None:
            try:
                future.set_result(self._spawn())
            except BaseException as error:
                future.set_exception(error)

    def _spawn(self) -> tuple[subprocess.Popen, socket.socket]:
        # Sequenced packets keep one order and its descriptor together, whichever threads send.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {"parent": os.getpid(), "channel": theirs.fileno(), "preload": self.preload}
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-I", "-c", _MAIN, json.dumps(settings), json.dumps(sys.path)],
                env=env, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        return child, ours


class Handle:
    """One running task. Its socket tells of start and end, so it needs no help from the warm parent."""

    def __init__(self, work: Work, channel: socket.socket, order: bytes):
        self.task_id = work.task_id
        self._record = work.output_dir / "exit.json"
        self._channel = channel
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._ended: ExitRecord | None = None
        channel.settimeout(_START_SECONDS)
        channel.sendall(order)
        self.pid: int = self._hear(time.monotonic() + _START_SECONDS)["started"]

    def fileno(self) -> int:
        """Readable when the task has ended: for a selector over many."""
        return self._channel.fileno()

    def cancel(self) -> None:
        try:
            self._channel.sendall(b"cancel\n")
        except OSError:
            pass  # it has ended: wait() says how

    def wait(self, timeout: float | None = None) -> ExitRecord | None:
        """How it ended, or None when it has not within `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            if self._ended is None:
                try:
                    self._ended = ExitRecord.from_dict(self._hear(end)["ended"])
                except TimeoutError:
                    return None
                except (EOFError, OSError):
                    # The shim is dead. If it was killed after its last act, the record is there.
                    self._ended = record.read(self._record) or record.lost("worker_lost")
                self._channel.close()
            return self._ended

    def _hear(self, end: float | None) -> dict:
        while b"\n" not in self._buffer:
            self._channel.settimeout(None if end is None else max(end - time.monotonic(), 0.0001))
            piece = self._channel.recv(65536)
            if not piece:
                raise EOFError("the task's shim is gone")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)
