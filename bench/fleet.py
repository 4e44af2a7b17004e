"""A fleet without hosts: agents as rows of the database, and one process that speaks for all of them over kept connections."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask

from bench.storm.site import free_port, wait_for
from bench.world import prepare
from webapp import clock, config, db, queue
from webapp.access.models import Organization
from webapp.agents import credentials, wake
from webapp.agents.models import Agent
from webapp.config import Settings
from webapp.db import writing_to
from webapp.library.signing import Signing
from workers import broker
from workers.agent import protocol as p

READY_SECONDS = 60
CONNECTIONS = 16  # of the process that speaks for all


@dataclass
class Simulated:
    id: int
    uuid: str
    organization_id: int
    credential: str
    trust: dict[str, int]
    instance_id: str = field(default_factory=lambda: uuid4().hex)
    seq: int = 0

    def beat(self) -> bytes:
        self.seq += 1
        message = p.HeartbeatRequest(
            self.instance_id, self.seq, [], 0, 10**10, 0.1, 4, p.VERSION, clock.iso(clock.now()) or "", list(p.TYPES),
            trust=self.trust,
        )  # fmt: skip
        return self.request("POST", p.HEARTBEAT, message.to_json())

    def claim(self) -> bytes:
        return self.request("POST", p.CLAIM, p.ClaimRequest(uuid4().hex, 4, 0).to_json())

    def start(self, task: dict[str, Any]) -> bytes:
        lease = p.LeaseRequest(task["lease_seq"], task["token"])
        return self.request("POST", p.task_path(task["task_id"], "start"), lease.to_json())

    def request(self, method: str, path: str, body: Any, headers: str = "") -> bytes:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.credential}\r\n{headers}"
            f"{p.PROTOCOL_HEADER}: {p.PROTOCOL}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


class Yard:
    """A server on PostgreSQL, its parts in processes of their own, and so many agents enrolled."""

    def __init__(self, settings: Settings, env: dict[str, str], count: int) -> None:
        self.settings, self.env = settings, env
        self.app: Flask = db.core(settings)
        self.parts: dict[str, subprocess.Popen[bytes]] = {}
        self.log = (settings.data / "parts.log").open("ab")
        self.agents = self._enrolled(count)

    def _enrolled(self, count: int) -> list[Simulated]:
        bundle = Signing(self.settings.signing_key_file).bundle(clock.now())
        trust = {
            "root": bundle["roots"][-1]["root"]["version"], "revoked": bundle["revoked"]["revoked"]["version"],
        }  # fmt: skip
        made = []
        with db.unit(self.app, "bench") as session:
            home = session.scalars(sa.select(Organization.id)).first()
            with writing_to(home):
                rows = [_row(home, number) for number in range(count)]
                session.add_all(rows)
                session.flush()
            for row in rows:
                text = credentials.made(row.id)
                row.credential_hash = credentials.hashed(text)
                made.append(Simulated(row.id, row.uuid, home, text, trust))
        with db.unit(self.app, "bench") as session:
            session.execute(sa.text("ANALYZE"))  # as the database does by itself in its first minute
        return made

    def start(self, *names: str) -> None:
        for name in names:
            argv = [sys.executable, "-m", "webapp.cli", *name.split()]
            self.parts[name] = subprocess.Popen(argv, env=self.env, stdout=self.log, stderr=self.log)
        if "web" in names and not wait_for(self.serves, READY_SECONDS):
            raise RuntimeError(f"the web server did not start, see {self.log.name}")

    def stop(self) -> None:
        for part in self.parts.values():
            part.terminate()
        for part in self.parts.values():
            part.wait(60)
        with self.app.app_context():
            db.db.engine.dispose()
        self.log.close()

    def serves(self) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=5)
        with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
            line.request("GET", "/readyz")
            return line.getresponse().status == 200
        return False

    def scalar(self, statement: str) -> Any:
        with db.unit(self.app, "bench", reading=True) as session:
            return session.connection().exec_driver_sql(statement).scalar()


def _row(organization_id: int, number: int) -> Agent:
    moment = datetime.now(UTC)
    return Agent(
        organization_id=organization_id, hostname=f"host-{number:05}", os="linux", arch="amd64", version=p.VERSION,
        capabilities=sorted(p.TYPES), capacity=4, install_id=uuid4().hex, enrolled_at=moment, credential_at=moment,
        last_seen_at=moment,
    )  # fmt: skip


@contextmanager
def yard(count: int, **env: str) -> Iterator[Yard]:
    from tests.databases import start

    folder = Path(tempfile.mkdtemp(prefix="muster-bench-"))
    server = start(folder)
    try:
        with broker.running(folder) as url:
            own = {
                "MUSTER_DATA": str(folder), "REDIS_URL": url, "SECRET_KEY": "bench", "PORT": str(free_port()),
                "MUSTER_WAKE_PORT": str(free_port()), "MUSTER_WEB_WORKERS": "1", "MUSTER_LOG_LEVEL": "warning",
                "DATABASE_URL": sa.make_url(server.get_uri()).render_as_string(hide_password=False),
            }  # fmt: skip
            settings = config.load(own | env)
            queue.connect(settings)
            prepare(settings)
            made = Yard(settings, os.environ | own | env, count)
            try:
                yield made
            finally:
                made.stop()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Heard:
    """What came back: how often which status, how long it took, and the bodies that had something to say."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 400)


class Voice:
    """Kept connections to the web server, each with one question at a time."""

    def __init__(self, lines: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self.lines, self.heard = lines, Heard()
        self.idle: asyncio.Queue[Any] = asyncio.Queue()
        for line in lines:
            self.idle.put_nowait(line)

    async def ask(self, question: bytes) -> tuple[int, bytes]:
        reader, writer = await self.idle.get()
        begun = time.perf_counter()
        writer.write(question)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        body = await reader.readexactly(int(length.split(b":")[1]))
        self.heard.seconds.append(time.perf_counter() - begun)
        self.idle.put_nowait((reader, writer))
        status = int(head[9:12])
        self.heard.statuses[status] = self.heard.statuses.get(status, 0) + 1
        return status, body

    async def ask_all(self, questions: Sequence[Callable[[], bytes]]) -> None:
        """As fast as the server answers."""
        waiting = iter(questions)

        async def speak() -> None:
            for question in waiting:
                await self.ask(question())

        await asyncio.gather(*(speak() for _ in self.lines))

    async def ask_in_time(self, questions: Sequence[Callable[[], bytes]], apart: float) -> None:
        """One after so many seconds, whatever became of those before."""
        asked = []
        for question in questions:
            asked.append(asyncio.create_task(self.ask(question())))
            await asyncio.sleep(apart)
        await asyncio.gather(*asked)


@asynccontextmanager
async def voice(port: int, connections: int = CONNECTIONS) -> AsyncIterator[Voice]:
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    try:
        yield Voice(lines)
    finally:
        for _, writer in lines:
            writer.close()


async def listening(yard: Yard, agent: Simulated) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """This agent's connection to the wake channel, admitted."""
    ticket = wake.ticket(yard.settings.secret_key, agent.id, agent.organization_id, clock.now())
    reader, writer = await asyncio.open_connection("127.0.0.1", yard.settings.wake_port)
    writer.write(f"GET /wake?ticket={ticket} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head:
        raise RuntimeError(f"the wake channel said {head!r}")
    return reader, writer
