"""Run one task from start to exit record: its output, its deadline, its cancellation, its whole tree.

The process that calls `Supervisor.run` belongs to that task alone: it is single-threaded, adopts its
descendants' orphans, and its signals mean SIGINT = cancel, SIGTERM = whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, NamedTuple, Sequence

from workers.agent import process
from workers.agent.capture import Capture, Totals
from workers.agent.record import CANCELLED, LOST, NEVER_STARTED, TIMEOUT, ExitRecord, RecordFile

LINGER = 2.0  # seconds that what a child leaves behind may go on writing, and then to obey TERM
_LONGEST_REPORT = 256 * 1024


@dataclass(frozen=True)
class Job:
    """What to run. Either `argv` (optionally with the open `executable`) or a Python `body`.

    `body(report)` runs in a forked child and returns its exit code; before that it may tell what went
    wrong with `report(reason, error, traceback)`.
    """

    output: Path
    record: Path
    cwd: Path
    argv: Sequence[str] = ()
    body: Callable[[Callable[..., None]], int] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    executable: int | None = None
    stdin: int | None = None
    run_as: str | None = None
    timeout: float | None = None
    grace: float = 10.0
    memory: int | None = None  # bytes; for a body: beyond what it starts with
    processes: int | None = None
    max_output: int | None = None
    mask: Callable[[int, bytes, bool], bytes] | None = None
    umask: int = 0o077
    lost_reason: str = "worker_lost"


class _Verdict(NamedTuple):
    exit_code: int
    reason: str
    error: str


class Supervisor:
    """`orders` is a socket or pipe: `cancel` cancels, its end means that whoever wants the result is gone."""

    def __init__(self, job: Job, orders: int | None = None):
        self.job = job
        self.orders = orders
        self.verdict: _Verdict | None = None
        self.statuses: dict[int, int] = {}
        self.pid = 0
        self._report = bytearray()
        self._selector = selectors.DefaultSelector()

    def run(self) -> ExitRecord:
        started, began = int(time.time() * 1000), time.monotonic()
        self.deadline = None if self.job.timeout is None else began + self.job.timeout
        file = RecordFile(self.job.record)
        process.adopt_orphans()
        self._listen()
        self.capture = Capture(self.job.output, self.job.max_output, self.job.mask)
        escaped = 0
        try:
            self._start()
        except process.LaunchError as error:
            self.verdict = _Verdict(NEVER_STARTED, error.reason, str(error))
        else:
            escaped = self._see_to_the_end()
        record = self._conclude(self.capture.close(), escaped, started, began)
        file.write(record)
        return record

    def _listen(self) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        os.set_blocking(theirs, False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the number arrives through the pipe
        signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        self._watch(ours, lambda: self._heed(os.read(ours, 512)))
        if self.orders is not None:
            self._watch(self.orders, self._obey)

    def _watch(self, fd: int, act: Callable[[], object]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, act)

    def _heed(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._lose()
        if signal.SIGINT in numbers:
            self._cancel()
        process.reap(self.statuses)

    def _obey(self) -> None:
        try:
            order = os.read(self.orders, 512)
        except OSError:  # a reset is an end, too
            order = b""
        if order:
            self._cancel()  # the only order there is
        else:
            self._selector.unregister(self.orders)
            self._lose()

    def _cancel(self) -> None:
        self._decide(CANCELLED, "cancelled", "cancelled while it ran")

    def _lose(self) -> None:
        self._decide(LOST, self.job.lost_reason, "stopped, because the process that had started it was gone")

    def _decide(self, exit_code: int, reason: str, error: str) -> None:
        """The first cause wins, and a child that has already ended keeps its own exit code."""
        if self.verdict is None and self.pid not in self.statuses:
            self.verdict = _Verdict(exit_code, reason, error)

    def _start(self) -> None:
        job = self.job
        limits = process.Limits(memory=job.memory, processes=job.processes)
        if job.body is None:
            self.pid = process.launch(
                job.argv, job.cwd, job.env, *self.capture.ends, job.stdin, limits, job.run_as,
                executable=job.executable, umask=job.umask,
            )  # fmt: skip
        else:
            hear, tell = os.pipe()
            self._watch(hear, lambda: self._hear(hear))
            self.pid = process.fork(
                _reporting(job.body, job.env, tell), job.cwd, *self.capture.ends, job.stdin,
                _above_now(limits), job.run_as, keep=(tell,), umask=job.umask,
            )  # fmt: skip
            os.close(tell)
        self.capture.release()
        self.capture.watch(self._selector)

    def _hear(self, fd: int) -> None:
        data = os.read(fd, 65536)
        if data and len(self._report) < _LONGEST_REPORT:
            self._report += data
        else:
            self._selector.unregister(fd)

    def _see_to_the_end(self) -> int:
        while self.pid not in self.statuses and self.verdict is None:
            self._turn(3600.0)
        grace = self.job.grace
        if self.verdict is None:
            grace = min(grace, LINGER)
            self._linger()
        escaped = process.kill_tree(os.getpid(), grace, idle=self._turn, statuses=self.statuses)
        self._turn(0)  # last words that came while the tree was dying
        self.capture.drain()
        return escaped

    def _linger(self) -> None:
        """The child has ended, but something still holds its output open."""
        end = time.monotonic() + LINGER
        while self.capture.readers and time.monotonic() < end and process.reap(self.statuses):
            self._turn(end - time.monotonic())

    def _turn(self, seconds: float) -> None:
        if self.deadline is not None and self.verdict is None:
            seconds = min(seconds, self.deadline - time.monotonic())
        for key, _ in self._selector.select(max(seconds, 0)):
            key.data()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            process.reap(self.statuses)
            self._decide(TIMEOUT, "timeout", f"ran longer than {self.job.timeout:g} s")

    def _conclude(self, totals: Totals, escaped: int, started: int, began: float) -> ExitRecord:
        status = self.statuses.get(self.pid)
        max_rss = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if process.LINUX else 1)
        told = self._told() if self.verdict is None else self.verdict._asdict()
        exit_code = told.pop("exit_code", None)
        if exit_code is None:
            exit_code = LOST if status is None else status if status >= 0 else 128 - status
        if exit_code and not told and self._out_of_memory(max_rss):
            told = {"reason": "memory_limit", "error": f"needed more than {self.job.memory} bytes of memory"}
        if totals.error and not told:
            told = {"reason": "disk_full", "error": f"output could not be kept: {totals.error}"}
        return ExitRecord(
            exit_code=exit_code,
            signal=-status if status is not None and status < 0 else None,
            started_ms=started,
            ended_ms=started + int((time.monotonic() - began) * 1000),
            sizes=totals.sizes,
            sha256=totals.sha256,
            dropped_bytes=totals.dropped_bytes,
            escaped=escaped,
            max_rss=max_rss,
            **told,
        )

    def _told(self) -> dict:
        try:
            return json.loads(self._report or "{}")
        except ValueError:  # the child died while it told us
            return {}

    def _out_of_memory(self, max_rss: int) -> bool:
        """The kernel does not tell that it refused memory, so believe the size, or the child's last words."""
        if self.job.memory is None:
            return False
        crashed = self.statuses[self.pid] in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
        if crashed and max_rss > 0.5 * self.job.memory:
            return True
        return _last_words(self.job.output / "stderr").endswith(_NO_MEMORY)


_NO_MEMORY = ("MemoryError", "Cannot allocate memory", "std::bad_alloc", "out of memory", "memory exhausted")


def _last_words(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 400))
        return file.read().decode(errors="replace").rstrip(" \n\r.')")


def _above_now(limits: process.Limits) -> process.Limits:
    """A forked child already has its parent's mappings: the limit is for what it adds."""
    if limits.memory is None or not process.LINUX:
        return limits
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    return process.Limits(limits.memory + mapped, limits.processes, limits.files)


def _reporting(body: Callable, env: Mapping[str, str], fd: int) -> Callable[[], int]:
    def report(reason: str, error: str, traceback: str | None = None) -> None:
        told = {"reason": reason, "error": error[:4000], "traceback": traceback and traceback[-16000:]}
        with os.fdopen(fd, "w") as pipe:
            json.dump(told, pipe)

    def run() -> int:
        os.environ.clear()
        os.environ.update(env)
        sys.stdout, sys.stderr = (
            open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False) for fd in (1, 2)
        )  # new ones: those that we inherited may believe in a file that is now a pipe
        try:
            return body(report)
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()

    return run
