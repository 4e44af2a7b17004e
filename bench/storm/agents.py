"""Hosts of a storm: the real agent program in folders of its own, each behind a network that can fail."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

from bench.storm import turned
from bench.storm.proxy import Proxy
from bench.storm.site import Site, wait_for
from webapp.access.models import Organization
from webapp.agents import enrolment, lifecycle
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.clock import now
from webapp.events import SYSTEM
from workers.agent import build, exits
from workers.parent import bound

NUMBER = 4
ROOM = 160 * 2**20  # of the one disk that a fault fills; agents keep 64 MB free
RESTART_SECONDS = 2.0
STOP_SECONDS = 60.0
CLOSE = 300.0  # between a clock and what the server knows of it, with a network that holds messages back


class Host:
    def __init__(self, site: Site, name: str, program: Path, seed: int) -> None:
        self.site, self.name, self.program = site, name, program
        self.folder = site.folder / "agents" / name
        self.work = self.folder / "work"
        self.proxy = Proxy(site.settings.port, f"{seed} {name}")
        self.process: subprocess.Popen[bytes] | None = None
        self.copy: subprocess.Popen[bytes] | None = None
        self.uuid, self.frozen, self.conflicts = "", False, 0
        self.off = 0  # by how many seconds its clock is ahead
        self.thrown_away: set[str] = set()  # tasks of copies: what those had not told yet is gone with them
        self._died_at = 0.0

    def enrol(self, token: str) -> None:
        self.work.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.proxy.start()
        asked = [
            *self._python,
            "enrol",
            "--server",
            f"http://127.0.0.1:{self.proxy.port}",
            "--work-dir",
            str(self.work),
        ]
        subprocess.run(asked, input=token.encode(), check=True, capture_output=True, timeout=60)
        self.uuid = json.loads((self.work / "agent.json").read_text())["agent_id"]

    def start(self) -> None:
        self.process = self._run(self.work)

    def start_copy(self) -> None:
        """The same identity in another folder, as a machine that was cloned."""
        twin = self.folder / "copy"
        shutil.rmtree(twin, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.work), str(twin)], capture_output=True)  # files come and go meanwhile
        self.copy = self._run(twin)

    def _run(self, work: Path) -> subprocess.Popen[bytes]:
        with (self.folder / "agent.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", turned.__file__, str(self._clock), str(self.program), "run", "--work-dir", str(work), "--kill"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=bound(os.getpid()),
            )  # fmt: skip

    def turn(self, seconds: int) -> None:
        """Its clock; while it runs, and for its next processes."""
        part = self._clock.with_suffix(".part")
        part.write_text(str(seconds))
        os.replace(part, self._clock)
        self.off = seconds

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    @property
    def _python(self) -> list[str]:
        return [sys.executable, "-I", str(self.program)]

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> bool:
        if not self.alive or self.process is None:
            return False
        self.process.kill()
        self.process.wait()
        self.frozen = False
        return True

    def freeze(self) -> bool:
        if self.frozen or not self.alive or self.process is None:
            return False
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = True
        return True

    def thaw(self) -> None:
        if self.frozen and self.process is not None:
            self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def runners(self) -> dict[int, str]:
        """The process that looks after each task here, and which task."""
        found = {}
        for path in self.work.glob("tasks/*/runner.json"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[int(json.loads(path.read_text())[0])] = path.parent.name.split(".")[0]
        return {pid: uuid for pid, uuid in found.items() if _is_runner(pid, uuid)}

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.work.glob("queue/*.json"))

    def rejected(self) -> list[str]:
        return [f"{path.name}: {path.read_text().strip()}" for path in self.work.glob("rejected/*.reason")]

    def tend(self) -> None:
        """What a supervisor and, after a clone, a person does."""
        if self.copy is not None and self.copy.poll() is not None and self._conflict_is_over:
            self._settle_conflict()
        elif self.process is not None and self.process.poll() is not None:
            if self.process.returncode == exits.SESSION_CONFLICT and self.copy is not None:
                return  # the other one has not noticed yet
            self._died_at = self._died_at or time.monotonic()
            if time.monotonic() - self._died_at > RESTART_SECONDS:
                self._died_at = 0.0
                self.start()

    @property
    def _conflict_is_over(self) -> bool:
        """Both have given up, or the copy was made of half a file and never began."""
        return not self.alive or self.copy is None or self.copy.returncode != exits.SESSION_CONFLICT

    def _settle_conflict(self) -> None:
        """One is thrown away, the agent is let in again."""
        with contextlib.suppress(sa.exc.SQLAlchemyError), self.site.unit(reading=False) as session:
            agent = session.scalars(sa.select(Agent).where(Agent.uuid == self.uuid)).one()
            if agent.state == State.QUARANTINED:
                lifecycle.enable(agent, SYSTEM, now())
                session.commit()
                self.conflicts += 1
            self.thrown_away |= {path.name.split(".")[0] for path in self.folder.glob("copy/tasks/*")}
            shutil.rmtree(self.folder / "copy", ignore_errors=True)
            self.copy = None

    def stop(self) -> None:
        self.thaw()
        for process in (self.process, self.copy):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (self.process, self.copy):
            if process is not None:
                _wait_or_kill(process)
        self.proxy.stop()


class Fleet:
    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        program = site.folder / "agents" / "muster-agent.pyz"
        program.parent.mkdir()
        build.build(str(program))
        self.hosts = [Host(site, f"host-{number}", program, seed) for number in range(NUMBER)]
        self.small: Host | None = None  # whose disk can be filled
        self.killed: set[str] = set()  # tasks whose runner was killed: what became of them nobody can know
        self.copies = 0
        self.turned = self.told = 0  # clocks, and how many of them the server knew of

    def start(self) -> None:
        with self.site.unit(reading=False) as session:
            home = session.scalars(sa.select(Organization.id)).first()
            token, _ = enrolment.create_token(home, SYSTEM, now(), max_uses=NUMBER)
        self._mount(self.hosts[-1])
        for host in self.hosts:
            host.enrol(token)
            host.start()
        self._name()

    def _mount(self, host: Host) -> None:
        """A small disk of its own, where this user may make one."""
        host.work.mkdir(parents=True, mode=0o700)
        asked = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "tmpfs", str(host.work)]
        if os.geteuid() == 0 and subprocess.run(asked, capture_output=True).returncode == 0:
            self.small = host

    def _name(self) -> None:
        """On one machine all of them have one hostname."""
        with self.site.unit(reading=False) as session:
            for host in self.hosts:
                session.scalars(sa.select(Agent).where(Agent.uuid == host.uuid)).one().hostname = host.name

    def set_right(self, host: Host) -> None:
        with contextlib.suppress(sa.exc.SQLAlchemyError), self.site.unit() as session:
            seen = session.scalar(sa.select(Agent.skew_ms).where(Agent.uuid == host.uuid)) or 0
            self.turned += 1
            self.told += abs(seen / 1000 - host.off) < CLOSE
        host.turn(0)

    def tend(self) -> None:
        for host in self.hosts:
            host.tend()

    def heal(self) -> None:
        for host in self.hosts:
            host.proxy.fair()
            host.thaw()
            host.tend()

    def settled(self) -> bool:
        """Every host is there, and has said what it had to say."""
        return all(host.alive and host.copy is None and not host.waiting() for host in self.hosts)

    def stop(self) -> list[int]:
        for host in self.hosts:
            host.stop()
        if self.small is not None:
            subprocess.run(["umount", "-l", str(self.small.work)], check=True)
        wait_for(lambda: not self.leftovers(), 15)
        return self.leftovers()

    def leftovers(self) -> list[int]:
        """Agents, runners and processes of tasks name the folder of the fleet."""
        return sorted(_naming(str(self.site.folder / "agents")) - {os.getpid()})


def _is_runner(pid: int, uuid: str) -> bool:
    with contextlib.suppress(OSError):
        return uuid.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _naming(place: str) -> set[int]:
    def words(folder: Path) -> Iterable[bytes]:
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                yield (folder / name).read_bytes()

    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if place.encode() in b"".join(words(folder))}


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
