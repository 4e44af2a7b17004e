"""The wake channel as agents meet it: a line at once when there is something to ask for, and nothing for strangers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from tests.workers.processes import until
from webapp import clock, config
from webapp.agents import wake
from webapp.config import Settings
from workers import wake as server

KEY = "for-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def settings(broker_url: str, tmp_path: Path) -> Settings:
    env = {"MUSTER_DATA": str(tmp_path), "REDIS_URL": broker_url, "SECRET_KEY": KEY}
    return replace(config.load(env), wake_port=free_port())


@pytest.fixture
def broker(broker_url: str) -> Iterator[Redis]:
    with Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def running(settings: Settings, broker: Redis) -> Iterator[int]:
    """The port on which it listens."""
    stop = threading.Event()
    thread = threading.Thread(target=server.main, args=(settings, stop))
    thread.start()
    until(lambda: broker.pubsub_numsub(wake.CHANNEL)[0][1] == 1 and answers(settings.wake_port))
    yield settings.wake_port
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Ear:
    """An agent that listens."""

    def __init__(self, port: int, agent_id: int, organization_id: int = 1, ticket: str | None = None) -> None:
        if ticket is None:
            ticket = wake.ticket(KEY, agent_id, organization_id, clock.now())
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.line.request("GET", f"/wake?ticket={ticket}")
        self.response = self.line.getresponse()

    def hears(self) -> str:
        return self.response.readline().decode().strip()


def say(broker: Redis, agents: list[int], organization_id: int = 1, word: str = "claim") -> None:
    broker.publish(wake.CHANNEL, json.dumps({"org": organization_id, "agents": agents, "word": word}))


def test_an_agent_that_is_named_hears_at_once(running: int, broker: Redis) -> None:
    first, second = Ear(running, 1), Ear(running, 2)
    say(broker, [2], word="beat")
    say(broker, [1], word="claim")
    assert (first.hears(), second.hears()) == ("claim", "beat")


def test_all_of_an_organisation_hear_what_anyone_may_do(running: int, broker: Redis) -> None:
    mine, theirs = [Ear(running, number) for number in range(1, 120)], Ear(running, 500, organization_id=2)
    say(broker, [])
    assert {ear.hears() for ear in mine} == {"claim"}
    say(broker, [], organization_id=2, word="beat")
    assert theirs.hears() == "beat"  # and nothing before it


def test_news_amid_a_round_leaves_nobody_out(running: int, broker: Redis) -> None:
    ears = [Ear(running, number) for number in range(1, 120)]
    for _ in range(3):
        say(broker, [])
    assert {ear.hears() for ear in ears} == {"claim"}


def test_a_newer_connection_takes_the_place_of_the_one_before(running: int, broker: Redis) -> None:
    before, after = Ear(running, 1), Ear(running, 1)
    assert before.hears() == ""
    say(broker, [1])
    assert after.hears() == "claim"


@pytest.mark.parametrize("ticket", ["", "nonsense", "1.1.9999999999.x", "1.1.1." + "0" * 64, "a.b.c.d", "é"])
def test_a_stranger_hears_nothing(running: int, ticket: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", running, timeout=10)
    line.putrequest("GET", "/wake?ticket=" + ticket.encode().hex() if ticket == "é" else f"/wake?ticket={ticket}")
    line.endheaders()
    assert line.getresponse().status == 403


def test_a_ticket_ends(running: int) -> None:
    old = wake.ticket(KEY, 1, 1, clock.now() - timedelta(hours=2))
    assert Ear(running, 1, ticket=old).response.status == 403


def test_what_is_no_request_is_turned_away(running: int) -> None:
    for sent, status in ((b"POST /wake HTTP/1.1\r\n\r\n", b"405"), (b"x" * 5000, b"431"), (b"\r\n\r\n", b"405")):
        with socket.create_connection(("127.0.0.1", running), 10) as line:
            line.sendall(sent)
            assert line.recv(100).split(b" ")[1] == status


def test_a_message_that_cannot_be_read_ends_nothing(running: int, broker: Redis) -> None:
    ear = Ear(running, 1)
    for text in ("", "[]", "{", '{"org": 1}', '{"org": [], "agents": []}'):
        broker.publish(wake.CHANNEL, text)
    say(broker, [1])
    assert ear.hears() == "claim"


def test_it_goes_on_when_the_broker_drops_it(running: int, broker: Redis) -> None:
    ear = Ear(running, 1)
    broker.client_kill_filter(_type="pubsub")
    until(lambda: broker.pubsub_numsub(wake.CHANNEL)[0][1] == 1)
    assert ear.hears() == "claim"  # what was said meanwhile may have been lost: everybody looks once
    say(broker, [1], word="beat")
    assert ear.hears() == "beat"


def test_a_port_that_is_taken_does_not_end_the_process(settings: Settings, broker: Redis) -> None:
    with socket.create_server(("127.0.0.1", settings.wake_port)):
        stop = threading.Event()
        thread = threading.Thread(target=server.main, args=(settings, stop))
        thread.start()
        until(lambda: broker.pubsub_numsub(wake.CHANNEL)[0][1] == 1)
        assert thread.is_alive()
        stop.set()
        thread.join(10)
