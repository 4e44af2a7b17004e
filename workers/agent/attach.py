"""Runner processes as the agent sees them: started by it, or found alive after the agent was restarted."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Optional

from . import code, process, tree
from .disk import read_json
from .folder import TaskFolder

_MAIN = "import sys; sys.path.insert(0, sys.argv[1]); from workers.agent.runner import main; main(sys.argv[2])"
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Runner:
    """One runner. Its folder tells what it did; this tells whether it lives."""

    def __init__(self, identity: Optional[tree.Identity], child: Optional[subprocess.Popen] = None) -> None:
        self._identity, self._child = identity, child
        self._handle = _handle(identity)

    @classmethod
    def start(cls, folder: TaskFolder, pass_fds: Sequence[int] = ()) -> "Runner":
        """A runner that waits for `go`. A session of its own: what ends the agent does not end it."""
        with open(folder.file("runner.log"), "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", _MAIN, code.place(), folder.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                pass_fds=pass_fds,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,
            )
        return cls(tree.identify(child.pid), child)

    @classmethod
    def find(cls, folder: TaskFolder) -> Optional["Runner"]:
        """The runner of that folder if it lives: same pid, same start time, same boot."""
        known = None if folder.copied else read_json(folder.file("runner.json"))
        identity = tree.Identity(*known) if known else None
        return cls(identity) if identity and tree.is_running(identity) else None

    def go(self, orders: dict[str, Any]) -> None:
        """A runner that died before reads nothing: how it ended is in its folder."""
        try:
            self._child.stdin.write(json.dumps(orders).encode() + b"\n")  # type: ignore[union-attr]
            self._child.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            pass
        self.release()

    def release(self) -> None:
        """No more orders. One that got none ends without running anything."""
        try:
            self._child.stdin.close()  # type: ignore[union-attr]
        except BrokenPipeError:
            pass

    def ended(self, wait_s: float) -> bool:
        """True as soon as it has ended, False after `wait_s`."""
        if self._child is not None:
            return self._child_ended(wait_s)
        if self._handle is not None:
            return _readable(self._handle, wait_s)
        end = time.monotonic() + wait_s
        while self.alive and time.monotonic() < end:
            time.sleep(min(0.05, wait_s))
        return not self.alive

    @property
    def alive(self) -> bool:
        return self._identity is not None and tree.is_running(self._identity)

    def stop(self) -> None:
        """End the task because the agent ends, not because somebody wants the task gone."""
        if self.alive:
            os.kill(self._identity.pid, signal.SIGTERM)  # type: ignore[union-attr]

    def kill(self) -> int:
        """The last resort, when the runner itself does not answer; returns what could not be killed."""
        return process.kill_tree(self._identity.pid, 0) if self.alive else 0  # type: ignore[union-attr]

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if self._child is not None:
            self._child.wait()
        elif self._identity is not None:
            _reap(self._identity.pid)

    def _child_ended(self, wait_s: float) -> bool:
        if self._handle is not None and not _readable(self._handle, wait_s):
            return False
        try:
            self._child.wait(0 if self._handle is not None else wait_s)  # type: ignore[union-attr]
        except subprocess.TimeoutExpired:
            return False
        return True


def cancel(folder: TaskFolder) -> None:
    """Through a pipe rather than by a signal: nothing is lost, and no other process can be hit. A runner that has
    not made its pipe yet looks for the mark."""
    try:
        folder.mark("cancel")
    except OSError:  # a full disk; the pipe needs no room
        pass
    try:
        number = os.open(folder.file("control"), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # no runner yet, or none any more
        return
    try:
        os.write(number, b"cancel\n")
    finally:
        os.close(number)


def kill_strays(task_id: str) -> int:
    """A runner that was killed leaves its task's processes behind. They carry the task's id in their environment."""
    mark = b"MUSTER_TASK_ID=" + task_id.encode()
    strays = [pid for pid in _pids() if mark in _environment(pid)]
    return sum(process.kill_tree(pid, 0, patience=1) for pid in strays)


def _pids() -> Sequence[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc/self") else []


def _environment(pid: int) -> Sequence[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:  # gone, or not ours
        return []


def _reap(pid: int) -> None:
    """After an update this process is another program, but still the parent of its runners."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def _handle(identity: Optional[tree.Identity]) -> Optional[int]:
    """A descriptor that becomes readable when the process ends, where the system has such a thing."""
    if identity is None or not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(identity.pid)
    except OSError:
        return None


def _readable(handle: int, wait_s: float) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(wait_s * 1000))
