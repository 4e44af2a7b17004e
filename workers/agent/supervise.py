"""Run one task from start to exit record: its output, its deadline, its cancellation, its whole tree.

The process that calls `Supervisor.run` belongs to that task alone: it is single-threaded, adopts its
descendants' orphans, and its signals mean SIGINT = cancel, SIGTERM = whoever started it is gone.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, NamedTuple

from workers.agent import process
from workers.agent.body import Body, reporting
from workers.agent.capture import Capture, Totals
from workers.agent.prctl import adopt_orphans
from workers.agent.record import CANCELLED, LOST, NEVER_STARTED, TIMEOUT, ExitRecord, RecordFile

LINGER = 2.0  # seconds that what a child leaves behind may go on writing, and then to obey TERM
_LONGEST_REPORT = 256 * 1024


@dataclass(frozen=True)
class Job:
    """What to run, with `env` as its environment: `argv` (optionally the open `executable`) or a Python `body`.

    `body(report)` runs in a forked child and returns its exit code; before that it may tell what went
    wrong with `report(reason, error, traceback)`. One that `executes` ends in `process.execute`.
    """

    output: Path
    record: Path
    cwd: Path
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    executable: int | None = None
    body: Body | None = None
    executes: bool = False
    keep: Sequence[int] = ()  # descriptors that the body needs
    stdin: int | None = None
    run_as: str | None = None
    timeout: float | None = None
    grace: float = 10.0
    memory: int | None = None  # bytes; for a body: beyond what it starts with
    processes: int | None = None
    max_output: int | None = None
    mask: Callable[[int, bytes, bool], bytes] | None = None
    tidy: Callable[[], None] | None = None  # what to do with its files, when nothing of it runs any more
    umask: int = 0o077
    lost_reason: str = "worker_lost"
    durable: bool = True  # the record is still there after a power cut


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
        self.ended: dict[int, process.Ended] = {}
        self.pid = 0
        self._report = bytearray()
        self._selector = selectors.DefaultSelector()

    def run(self) -> ExitRecord:
        started, began = int(time.time() * 1000), time.monotonic()
        self.deadline = None if self.job.timeout is None else began + self.job.timeout
        adopt_orphans()
        with self._selector, ExitStack() as self._at_end:
            self._listen()
            try:
                file = RecordFile(self.job.record)
                self.capture = Capture(self.job.output, self.job.max_output, self.job.mask)
            except OSError as error:
                return ExitRecord(
                    NEVER_STARTED, reason=_storage_reason(error, "spawn_failed"), error=f"no place for output: {error}"
                )
            escaped, totals = self._run(), self.capture.close()
            record = self._conclude(escaped, self._tidied(totals), started, began)
            try:
                file.write(record, self.job.durable)
            except OSError:
                pass  # our caller still has it
            return record

    def _run(self) -> int:
        """Returns how many processes could not be killed."""
        try:
            self._start()
        except process.LaunchError as error:
            self.verdict = _Verdict(NEVER_STARTED, error.reason, str(error))
            return 0
        return self._see_to_the_end()

    def _tidied(self, totals: Totals) -> Totals:
        try:
            if self.job.tidy is not None:
                self.job.tidy()
        except OSError as error:
            return totals._replace(error=totals.error or error)
        return totals

    def _listen(self) -> None:
        ours, theirs = (self._at_end.enter_context(side) for side in socket.socketpair())
        for side in (ours, theirs):
            side.setblocking(False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the number arrives through the socket
            self._at_end.callback(signal.signal, number, signal.SIG_DFL)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._at_end.callback(signal.set_wakeup_fd, -1)
        self._watch(ours.fileno(), lambda: self._heed(ours.recv(512)))
        if self.orders is not None:
            self._watch(self.orders, functools.partial(self._obey, self.orders))

    def _watch(self, fd: int, act: Callable[[], object]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, act)

    def _heed(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._lose()
        if signal.SIGINT in numbers:
            self._cancel()
        process.reap(self.ended)

    def _obey(self, orders: int) -> None:
        try:
            order = os.read(orders, 512)
        except OSError:  # a reset is an end, too
            order = b""
        if order:
            self._cancel()  # the only order there is
        else:
            self._selector.unregister(orders)
            self._lose()

    def _cancel(self) -> None:
        self._decide(CANCELLED, "cancelled", "cancelled while it ran")

    def _lose(self) -> None:
        self._decide(LOST, self.job.lost_reason, "stopped, because the process that had started it was gone")

    def _decide(self, exit_code: int, reason: str, error: str) -> None:
        """The first cause wins, and a child that has already ended keeps its own exit code."""
        if self.verdict is None and self.pid not in self.ended:
            self.verdict = _Verdict(exit_code, reason, error)

    def _start(self) -> None:
        job = self.job
        stdout, stderr = self.capture.ends
        limits = process.Limits(memory=job.memory, processes=job.processes)
        if job.body is None:
            self.pid = process.launch(
                job.argv, job.cwd, job.env, stdout, stderr, job.stdin, limits, job.run_as,
                executable=job.executable, umask=job.umask,
            )  # fmt: skip
        else:
            self._fork(job.body, limits)
        self.capture.release()
        self.capture.watch(self._selector)

    def _fork(self, body: Body, limits: process.Limits) -> None:
        job = self.job
        stdout, stderr = self.capture.ends
        hear, tell = os.pipe()
        self._at_end.callback(os.close, hear)
        self._watch(hear, lambda: self._hear(hear))
        try:
            self.pid = process.fork(
                reporting(body, job.env, tell), job.cwd, stdout, stderr, job.stdin,
                limits if job.executes else _above_now(limits), job.run_as,
                keep=(tell, *job.keep), umask=job.umask, executes=job.executes,
            )  # fmt: skip
        finally:
            os.close(tell)

    def _hear(self, fd: int) -> None:
        data = os.read(fd, 65536)
        if data and len(self._report) < _LONGEST_REPORT:
            self._report += data
        else:
            self._selector.unregister(fd)

    def _see_to_the_end(self) -> int:
        while self.pid not in self.ended and self.verdict is None:
            self._turn(3600.0)
        grace = self.job.grace
        if self.verdict is None:
            grace = min(grace, LINGER)
            self._linger()
        escaped = process.kill_tree(os.getpid(), grace, idle=self._turn, ended=self.ended)
        self._turn(0)  # last words that came while the tree was dying
        self.capture.drain()
        return escaped

    def _linger(self) -> None:
        """The child has ended, but something still holds its output open."""
        end = time.monotonic() + LINGER
        while self.capture.readers and time.monotonic() < end and process.reap(self.ended):
            self._turn(end - time.monotonic())

    def _turn(self, seconds: float) -> None:
        if self.deadline is not None and self.verdict is None:
            seconds = min(seconds, self.deadline - time.monotonic())
        for key, _ in self._selector.select(max(seconds, 0)):
            key.data()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            process.reap(self.ended)
            self._decide(TIMEOUT, "timeout", f"ran longer than {self.job.timeout:g} s")

    def _conclude(self, escaped: int, totals: Totals, started: int, began: float) -> ExitRecord:
        status = self.ended[self.pid].code if self.pid in self.ended else None
        max_rss = max((child.max_rss for child in self.ended.values()), default=0)
        told = self._told() if self.verdict is None else self.verdict._asdict()
        exit_code = told.pop("exit_code", None)
        if exit_code is None:
            exit_code = LOST if status is None else status if status >= 0 else 128 - status
        if exit_code and not told and self._out_of_memory(max_rss):
            told = {"reason": "memory_limit", "error": f"needed more than {self.job.memory} bytes of memory"}
        if totals.error and not told:
            reason = _storage_reason(totals.error, "internal_error")
            told = {"reason": reason, "error": f"output could not be kept: {totals.error}"}
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
            told = json.loads(self._report or "{}")
            return {name: told[name] for name in ("reason", "error", "traceback") if isinstance(told.get(name), str)}
        except (ValueError, AttributeError):  # the child died while it told us, or it told us nonsense
            return {}

    def _out_of_memory(self, max_rss: int) -> bool:
        """The kernel does not tell that it refused memory, so believe the size, or the child's last words."""
        if self.job.memory is None:
            return False
        crashed = self.ended[self.pid].code in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
        if crashed and max_rss > 0.5 * self.job.memory:
            return True
        return _last_words(self.job.output / "stderr").endswith(_NO_MEMORY)


_NO_ROOM = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EFBIG: "resource_limit"}


def _storage_reason(error: OSError, otherwise: str) -> str:
    return _NO_ROOM.get(error.errno or 0, otherwise)


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
