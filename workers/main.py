"""The process table, and `muster up`: all of it under one supervisor on one machine."""

import fcntl
import gc
import http.client
import importlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click

from webapp import logs
from webapp.config import Settings, shown
from workers import broker, local_agent
from workers.children import SUPERVISOR, Process, fork, spawn
from workers.loops import LOOPS, load
from workers.parent import follow, show_as
from workers.supervisor import Part, PartFailed, Stopped, Supervisor

# module:function(settings) of each process. The loops share one here; in a fleet each can have its own, several times.
PROCESSES = {
    "migrate": "workers.migrate:main",
    "web": "workers.web:main",
    "worker": "workers.jobs:main",
    "loops": "workers.loops:main",
    **dict.fromkeys(LOOPS, "workers.loops:main"),
    "local-agent": "workers.local_agent:main",
}
STOPPING_SECONDS = 45.0  # longer than any part may take to stop

FORKS = sys.platform == "linux"  # elsewhere system libraries have threads of their own, which a fork would lose

Say = Callable[[str], None]
Start = Callable[..., Process]


class CannotStart(RuntimeError):
    """Something is in the way; the message says what. Exit code 2."""


def run(name: str, settings: Settings) -> int | None:
    """One process of the table, until it ends."""
    logs.setup(settings, name)
    show_as(f"muster {name}")
    if parent := os.environ.get(SUPERVISOR):
        follow(int(parent))
    start = load(PROCESSES[name])
    return start(settings, [name]) if name in LOOPS else start(settings)


def up(settings: Settings, say: Say = click.echo) -> int:
    """Runs everything until a signal; gives the exit code."""
    logs.setup(settings, "up")
    show_as("muster up")
    _make_folder(settings.data)
    locks = _alone(settings.data)
    try:
        _port_free(settings.host, settings.port)
        supervisor = Supervisor()
        with supervisor.listening():
            return _up(supervisor, partial(_child, settings, locks), settings, say)
    finally:
        for lock in locks:
            os.close(lock)


def _up(supervisor: Supervisor, child: Start, settings: Settings, say: Say) -> int:
    code = 0
    try:
        login = _start(supervisor, child, settings, say)
        say(f"Muster is ready at {settings.url} {login}".rstrip())
        say("Ctrl-C stops it.")
        supervisor.watch()
    except Stopped:
        pass
    except (PartFailed, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        code = 1
    say("Stopping …")
    supervisor.stop()
    say("Stopped.")
    return code


def _start(supervisor: Supervisor, child: Start, settings: Settings, say: Say) -> str:
    """All parts, with a line for each; gives what `migrate` says of the first login when the database is new."""
    if settings.embedded_broker:
        supervisor.start(Part("broker", partial(broker.start, settings.data)))
        say(_line("broker", "Valkey on a private socket"))
    preload()
    login = _migrate(supervisor, child)
    say(_line("database", shown(settings, "database_url")))
    gc.freeze()  # so that no child's collector writes to, and thereby copies, the pages that all share
    parts = list(_parts(child, settings))
    for part, _ in parts:
        supervisor.start(part)
    for part, about in parts:
        supervisor.wait(part)
        say(_line(part.name, about))
    return login


def preload() -> None:
    """What the parts need, loaded once for all of them. It opens nothing: importing has no side effect here."""
    if FORKS:
        for name in ("migrate", "web", "worker", *LOOPS):
            importlib.import_module((LOOPS.get(name) or PROCESSES[name]).split(":")[0])
        for module in importlib.import_module("webapp.app").FEATURES:
            importlib.import_module(module)


def _migrate(supervisor: Supervisor, child: Start) -> str:
    told, tells = os.pipe()
    try:
        supervisor.once("migrate", child("migrate", stdout=tells))
    finally:
        os.close(tells)
    with open(told, encoding="utf-8") as answer:
        return answer.read().strip()


def _parts(child: Start, settings: Settings) -> Iterator[tuple[Part, str]]:
    """What runs beside broker and database, in the order of starting; stopping goes the other way round."""
    web = f"{settings.server}, {settings.web_workers} × {settings.web_threads} threads"
    yield Part("web", partial(child, "web"), ready=partial(_answers, settings)), web
    for number in range(1, settings.workers + 1):
        name = f"worker {number}" if settings.workers > 1 else "worker"
        yield Part(name, partial(child, "worker")), f"{settings.worker_slots} tasks at a time"
    yield Part("loops", partial(child, "loops")), ", ".join(LOOPS)
    if local_agent.wanted(settings):
        yield Part("agent", partial(child, "local-agent")), "this machine"


def _child(settings: Settings, locks: tuple[int, int], name: str, stdout: int | None = None) -> Process:
    """One process of the table as a child, which holds the second lock."""
    mine, parts = locks
    if FORKS:
        return fork(partial(run, name, settings), close=(mine,), stdout=stdout)
    return spawn([sys.executable, "-m", "webapp.cli", name], keep=(parts,), stdout=stdout)


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    line = http.client.HTTPConnection(host, settings.port, timeout=5)
    try:
        line.request("GET", "/readyz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _line(name: str, about: str) -> str:
    tick = "✓" if (sys.stdout.encoding or "").lower().startswith("utf") else "ok"
    return f"{tick} {name:<10} {about}"


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"cannot make {data}: {error.strerror}. Set MUSTER_DATA to a folder of yours") from None


def _alone(data: Path) -> tuple[int, int]:
    """Two locks: the supervisor's, and one that its parts hold too, so that nothing of a killed run overlaps us."""
    mine = _flock(data / "supervisor.lock", 0)
    if mine is None:
        raise CannotStart(f"Muster already runs on {data}. Stop it first, or set MUSTER_DATA to another folder")
    parts = _flock(data / "parts.lock", STOPPING_SECONDS)
    if parts is None:
        os.close(mine)
        raise CannotStart(f"parts of an earlier run on {data} have not stopped; end them first")
    os.set_inheritable(parts, True)  # also for the part that becomes another program
    return mine, parts


def _flock(path: Path, patience: float) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.05)


def _port_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"cannot listen on {host}:{port}: {error.strerror}. Set PORT to a free one") from None
