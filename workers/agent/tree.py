"""Which processes there are, who is below whom, and whether a pid is still the process it was."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import NamedTuple

_PROC = os.path.isdir("/proc/self/task")  # Linux; macOS asks ps


class Identity(NamedTuple):
    """A pid is used again; with its start time and the boot it belongs to it is not."""

    pid: int
    started: str
    boot_id: str


class _Row(NamedTuple):
    parent: int
    group: int
    started: str


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None when there is none (a zombie does not run)."""
    row = _row(pid) if _PROC else _table().get(pid)
    return None if row is None else Identity(pid, row.started, boot_id())


def is_running(identity: Identity) -> bool:
    return identify(identity.pid) == identity


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return _run("sysctl", "-n", "kern.bootsessionuuid").strip()


def children(pid: int) -> set[int]:
    return {child for child, row in _table().items() if row.parent == pid}


class Hunt:
    """The processes of one tree, those included that have lost their parent since we first saw them."""

    def __init__(self, root: int):
        self.root = root
        self.group = root if root != os.getpid() else None
        self.seen: dict[int, str] = {}
        self.quiet = 0
        self._look()

    def signal(self, number: int) -> None:
        for pid, started in self._look().items():
            _send(pid, started, number)
            _send(pid, started, signal.SIGCONT)  # a stopped process would never notice

    def kill(self) -> None:
        """Stop all of them first: what is stopped cannot fork, so the list becomes complete."""
        stopped: set[int] = set()
        while True:
            fresh = {pid: at for pid, at in self._look().items() if pid not in stopped}
            if not fresh:
                break
            for pid, started in fresh.items():
                _send(pid, started, signal.SIGSTOP)
            stopped.update(fresh)
        for pid, started in self._look().items():
            _send(pid, started, signal.SIGKILL)

    def over(self) -> bool:
        """No process in three looks in a row: one look can miss a child that is just being born."""
        self.quiet = 0 if self._look() else self.quiet + 1
        return self.quiet >= 3

    def count(self) -> int:
        return len(self._look())

    def _look(self) -> dict[int, str]:
        table = _table()
        self.seen = {pid: at for pid, at in self.seen.items() if pid in table and table[pid].started == at}
        members = set(self.seen) | {self.root}
        grown = True
        while grown:
            more = {pid for pid, row in table.items() if pid not in members and self._belongs(row, members)}
            members |= more
            grown = bool(more)
        members.discard(os.getpid())
        self.seen = {pid: table[pid].started for pid in members if pid in table}
        return dict(self.seen)

    def _belongs(self, row: _Row, members: set[int]) -> bool:
        # Without subreapers an orphan's parent is init, but its group may still tell.
        return row.parent in members or (not _PROC and row.group == self.group)


def _send(pid: int, started: str, number: int) -> None:
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(pid, number)
            return
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        row = _row(pid)
        if row is not None and row.started == started:  # else the pid is another process by now
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass  # ended meanwhile, or not ours to signal: it is counted as left over
    finally:
        os.close(handle)


def _table() -> dict[int, _Row]:
    if not _PROC:
        return _table_of_ps()
    rows = ((int(name), _row(int(name))) for name in os.listdir("/proc") if name.isdigit())
    return {pid: row for pid, row in rows if row is not None}


def _row(pid: int) -> _Row | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The name may hold blanks and brackets; what follows the last bracket is well formed.
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in b"ZX":
        return None
    return _Row(int(fields[1]), int(fields[2]), fields[19].decode())


def _table_of_ps() -> dict[int, _Row]:
    rows: dict[int, _Row] = {}
    for line in _run("ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,lstart=").splitlines():
        pid, parent, group, state, started = line.split(None, 4)
        if not state.startswith("Z"):
            rows[int(pid)] = _Row(int(parent), int(group), started)
    return rows


def _run(*argv: str) -> str:
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
