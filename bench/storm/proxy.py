"""The network between one agent and the server, and what can go wrong in it: whole messages of HTTP are lost, late,
doubled and out of order; connections are cut, or stay open while nothing passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from dataclasses import dataclass, field

LARGEST_HEAD = 64 * 1024
COPIES = 2
LATEST = 4.0  # seconds by which a copy may follow what it copies


@dataclass
class Weather:
    """Chances are of one message."""

    cut: bool = False
    silent: bool = False  # half-open: bytes go in, and nothing comes out on either side
    slow: float = 0.0  # a message waits up to so many seconds, so that a later one may pass it
    loses_answers: float = 0.0
    doubles: float = 0.0


@dataclass
class Seen:
    """How often each trouble has really befallen a message."""

    answers_lost: int = 0
    doubled: int = 0
    late: int = 0
    held: int = 0
    cut: int = 0


@dataclass
class Proxy:
    upstream: int
    seed: str
    weather: Weather = field(default_factory=Weather)
    seen: Seen = field(default_factory=Seen)
    port: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def cut(self) -> None:
        """Nobody is there any more, and every connection breaks."""
        self.weather.cut = True
        self._loop.call_soon_threadsafe(self._break)

    def fair(self) -> None:
        """Held messages arrive late, or their connections turn out to be dead."""
        if self.weather.silent and self._random.random() < 0.5:
            self._loop.call_soon_threadsafe(self._break)
        self.weather = Weather()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LARGEST_HEAD))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def _break(self) -> None:
        self.seen.cut += len(self._open)
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while not self.weather.cut and (message := await _message(reader)):
                answer = await self._carried(message)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _carried(self, message: bytes) -> bytes | None:
        """The server's answer; None where the connection breaks instead."""
        if self.weather.silent:
            self.seen.held += 1
        while self.weather.silent:
            await asyncio.sleep(0.2)
        if self.weather.slow:
            self.seen.late += 1
            await asyncio.sleep(self._random.uniform(0, self.weather.slow))
        if self._random.random() < self.weather.doubles:
            self._double(message)
        answer = await self._asked(message)
        if self.weather.cut:
            return None
        if self._random.random() < self.weather.loses_answers:
            self.seen.answers_lost += 1
            return None
        return answer

    def _double(self, message: bytes) -> None:
        """Copies beside the message itself and after later ones, whose answers nobody hears."""
        for _ in range(self._random.randint(1, COPIES)):
            self.seen.doubled += 1
            late = self._random.choice((0, 0, self._random.uniform(0, LATEST)))
            copy = self._loop.create_task(self._copy(message, late))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)

    async def _copy(self, message: bytes, late: float) -> None:
        await asyncio.sleep(late)
        await self._asked(message)

    async def _asked(self, message: bytes) -> bytes | None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream, limit=LARGEST_HEAD)
        except OSError:
            return None
        try:
            writer.write(message)
            await writer.drain()
            return await _message(reader) or None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer with its body; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return b""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
        return head + await _chunks(reader)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        found += line + await reader.readexactly(size + 2)
        if not size:
            return found
