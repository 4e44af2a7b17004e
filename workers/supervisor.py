"""Starts parts in order, starts them again when they die, stops them in reverse; one process, no threads."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

import structlog

from workers.children import Process

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY_SECONDS = 60.0  # after so long a life, a death counts as the first again
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger("supervisor")


class PartFailed(RuntimeError):
    """A part ended, or said nothing for too long, while everything was being started."""


class Stopped(Exception):
    """Somebody asked to stop while the parts were being started."""


@dataclass(frozen=True)
class Part:
    name: str
    start: Callable[[], Process]
    ready: Callable[[], bool] = lambda: True
    patience: float = 30.0  # until it must be ready
    grace: float = 35.0  # between SIGTERM and SIGKILL


@dataclass
class Child:
    part: Part
    process: Process | None = None
    since: float = 0.0
    pause: float = 0.0
    due: float = field(default=float("inf"))


class Supervisor:
    def __init__(self) -> None:
        self.children: list[Child] = []
        self.signals = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Signals and deaths of children wake `_sleep` at once, through a pipe that the kernel's handler writes."""
        self._awake, wakes = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(wakes, False)
        before = {number: signal.signal(number, self._asked) for number in SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        fd = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._awake)
            os.close(wakes)

    def once(self, name: str, process: Process) -> None:
        """Waits for a step that ends by itself."""
        while process.poll() is None:
            if self.signals:
                _end(process)
                raise Stopped
            self._sleep(1.0)
        if process.returncode:
            raise PartFailed(f"{name} ended with exit code {process.returncode}")

    def start(self, part: Part) -> None:
        child = Child(part)
        self.children.append(child)
        self._start(child)

    def wait(self, part: Part) -> None:
        """Until the part is ready."""
        child = next(each for each in self.children if each.part is part)
        deadline = time.monotonic() + part.patience
        while not part.ready():
            self._check(child, deadline)
            self._sleep(0.02)
        self._check(child, float("inf"))

    def watch(self) -> None:
        """Until a signal asks to stop."""
        while not self.signals:
            self._restart_due()
            self._notice_deaths()
            soonest = min((child.due for child in self.children), default=float("inf"))
            self._sleep(min(60.0, max(0.0, soonest - time.monotonic())))

    def stop(self) -> None:
        """Each part in turn, last first, since earlier ones serve later ones. A second signal ends all at once."""
        asked = self.signals
        for child in reversed(self.children):
            if child.process is None:
                continue
            child.process.terminate()
            deadline = time.monotonic() + child.part.grace
            while child.process.poll() is None and time.monotonic() < deadline and self.signals < asked + 1:
                self._sleep(0.5)
            _end(child.process)
            child.process = None

    def _start(self, child: Child) -> None:
        child.due = float("inf")
        child.process = child.part.start()
        child.since = time.monotonic()

    def _check(self, child: Child, deadline: float) -> None:
        if self.signals:
            raise Stopped
        if child.process is None or child.process.poll() is not None:
            code = child.process.returncode if child.process else None
            raise PartFailed(f"{child.part.name} ended with exit code {code} while it was starting")
        if time.monotonic() > deadline:
            raise PartFailed(f"{child.part.name} was not ready after {child.part.patience:.0f} s")

    def _notice_deaths(self) -> None:
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                code = child.process.returncode or 0
                _end(child.process)
                child.process = None
                self._again(child, f"signal {-code}" if code < 0 else f"exit code {code}")

    def _again(self, child: Child, why: str) -> None:
        steady = time.monotonic() - child.since > STEADY_SECONDS
        child.pause = FIRST_PAUSE if steady or not child.pause else min(LONGEST_PAUSE, child.pause * 2)
        child.due = time.monotonic() + child.pause
        log.warning("a part died", name=child.part.name, by=why, again_in=f"{child.pause:g} s")

    def _restart_due(self) -> None:
        for child in self.children:
            if child.process is None and child.due <= time.monotonic():
                try:
                    self._start(child)
                except OSError as error:
                    self._again(child, str(error))

    def _sleep(self, seconds: float) -> None:
        select.select([self._awake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._awake, 4096)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1


def _end(process: Process) -> None:
    """Nothing of the part's process group stays, whether it ended by itself or not."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
