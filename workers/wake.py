"""Tells agents at once that there is work: one idle connection for each, a line when there is something to ask for.

It knows no database. Whoever shows a ticket that a heartbeat has brought may listen; a message of the broker is
relayed to the agents that it names, or to all of an organisation. When this process is away agents ask every few
seconds, and all goes on.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable
from threading import Event
from urllib.parse import parse_qs, urlsplit

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from webapp import clock
from webapp.agents.wake import CHANNEL, CLAIM, admitted
from webapp.config import Settings
from workers.agent.protocol import WAKE_PING, WAKE_PING_S

LONGEST_REQUEST = 4096
SECONDS_TO_ASK = 10.0  # for the request of a connection
AGAIN = 10.0  # seconds until a port or broker that was not there is tried again
FIRST, MOST, APART = 10, 100, 0.1  # agents told together where any may take it: at first, later on; the pause between

FOUND = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
    b"Connection: close\r\n\r\n"
)
REFUSED = b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = structlog.get_logger("wake")


def main(settings: Settings, stop: Event) -> None:
    asyncio.run(Wake(settings).serve(stop))


class Wake:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key = settings.secret_key
        self.listeners: dict[int, dict[int, Listener]] = {}  # organisation → agent → its newest connection
        self.rounds: dict[int, Round] = {}

    async def serve(self, stop: Event) -> None:
        parts = [asyncio.create_task(part) for part in (self._listen(), self._relay(), self._ping())]
        await asyncio.to_thread(stop.wait)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        for listener in self._all():
            listener.close()

    def admit(self, target: str) -> tuple[int, int] | None:
        """Agent and organisation of the ticket in a request's target."""
        parts = urlsplit(target)
        tickets = parse_qs(parts.query).get("ticket", [])
        return admitted(self.key, tickets[0], clock.now()) if parts.path == "/wake" and len(tickets) == 1 else None

    def add(self, listener: Listener) -> None:
        """A newer connection of the same agent takes the place of the one before."""
        mine = self.listeners.setdefault(listener.organization_id, {})
        before, mine[listener.agent_id] = mine.get(listener.agent_id), listener
        if before is not None:
            before.close()

    def remove(self, listener: Listener) -> None:
        mine = self.listeners.get(listener.organization_id, {})
        if mine.get(listener.agent_id) is listener:
            del mine[listener.agent_id]
            if not mine:
                del self.listeners[listener.organization_id]

    def tell(self, text: bytes) -> None:
        try:
            message = json.loads(text)
            mine = self.listeners.get(message["org"], {})
            named, word = message["agents"], str(message.get("word", CLAIM))
            found = [mine[agent_id] for agent_id in named if agent_id in mine] if named else list(mine.values())
        except (ValueError, KeyError, TypeError):
            return log.warning("a message that cannot be read")
        if named:
            for listener in found:
                listener.say(word)
        else:
            self._tell_in_turn(message["org"], found, word)
        return None

    def _tell_in_turn(self, organization_id: int, found: list[Listener], word: str) -> None:
        """More news amid a round begins another in its place, with those whom that one had not reached."""
        random.shuffle(found)
        if before := self.rounds.get(organization_id):
            untold = set(before.stop())
            found.sort(key=lambda listener: listener not in untold)
        self.rounds[organization_id] = Round(found, word)

    async def _listen(self) -> None:
        """A port that is taken must not end the other loops of this process: agents poll meanwhile."""
        host, port = self.settings.host, self.settings.wake_port
        while True:
            try:
                server = await asyncio.get_running_loop().create_server(
                    lambda: Listener(self), host, port, backlog=1024
                )
            except OSError as error:
                log.warning(
                    "the wake channel cannot listen", port=port, error=error.strerror, again_in=f"{AGAIN:.0f} s"
                )
                await asyncio.sleep(AGAIN)
                continue
            async with server:
                await server.serve_forever()

    async def _relay(self) -> None:
        while True:
            broker = Redis.from_url(self.settings.redis_url, socket_connect_timeout=5)
            try:
                async with broker.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    # What was said while nobody listened is lost: everybody looks once.
                    _say(self._all(), CLAIM)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self.tell(message["data"])
            except (RedisError, OSError) as error:
                log.info("the broker is away; agents ask by themselves", error=str(error))
                await asyncio.sleep(AGAIN / 5)
            finally:
                await broker.aclose()

    async def _ping(self) -> None:
        """So that both sides notice a connection that has died, in slices: there may be thousands."""
        while True:
            await asyncio.sleep(WAKE_PING_S)
            everybody = list(self._all())
            for number in range(0, len(everybody), 500):
                _say(everybody[number : number + 500], WAKE_PING)
                await asyncio.sleep(0)

    def _all(self) -> Iterable[Listener]:
        return [listener for mine in list(self.listeners.values()) for listener in list(mine.values())]


class Round:
    """One task that anyone may take must not bring a thousand claims in the same instant: few are told, then more."""

    def __init__(self, found: list[Listener], word: str) -> None:
        self.waiting, self.word, self.size = found, word, FIRST
        self.timer: asyncio.TimerHandle | None = None
        self._go_on()

    def stop(self) -> list[Listener]:
        """Who was not told."""
        if self.timer is not None:
            self.timer.cancel()
        return self.waiting

    def _go_on(self) -> None:
        _say(self.waiting[: self.size], self.word)
        self.waiting, self.size = self.waiting[self.size :], min(2 * self.size, MOST)
        if self.waiting:
            self.timer = asyncio.get_running_loop().call_later(APART, self._go_on)


class Listener(asyncio.Protocol):
    """One agent's connection. A protocol rather than streams: it takes a third of the memory."""

    __slots__ = ("_asked", "_timer", "_transport", "_wake", "agent_id", "organization_id")

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._asked = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.agent_id = self.organization_id = 0

    def say(self, word: str) -> None:
        """To one that does not read for a while it is not said again: it will look when it wakes."""
        if self._transport is not None and self._transport.get_write_buffer_size() < 1024:
            self._transport.write(word.encode() + b"\n")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._timer = asyncio.get_running_loop().call_later(SECONDS_TO_ASK, self.close)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._forget_timer()
        if self.agent_id:
            self._wake.remove(self)

    def data_received(self, data: bytes) -> None:
        if self.agent_id:
            return  # it has nothing more to say
        self._asked += data
        if b"\r\n\r\n" in self._asked:
            self._answer(self._asked.split(b"\r\n", 1)[0].decode("latin-1").split(" "))
        elif len(self._asked) > LONGEST_REQUEST:
            self._refuse(431, b"Request Header Fields Too Large")

    def _answer(self, line: list[str]) -> None:
        self._forget_timer()
        self._asked = b""
        if len(line) != 3 or line[0] != "GET":
            return self._refuse(405, b"Method Not Allowed")
        admitted = self._wake.admit(line[1])
        if admitted is None:
            return self._refuse(403, b"Forbidden")
        self.agent_id, self.organization_id = admitted
        assert self._transport is not None
        self._transport.write(FOUND)
        self._wake.add(self)
        return None

    def _refuse(self, status: int, words: bytes) -> None:
        if self._transport is not None:
            self._transport.write(REFUSED % (status, words))
            self._transport.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _say(listeners: Iterable[Listener], word: str) -> None:
    for listener in listeners:
        listener.say(word)
