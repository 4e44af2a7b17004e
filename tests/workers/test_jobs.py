"""The worker's wait for rings."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import redis
from flask import Flask
from rq import Queue

from webapp import queue
from webapp.config import Settings
from workers import jobs
from workers.executor import Executor
from workers.runners.warm import WarmParent


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_signal_that_came_before_the_wait_ends_it(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = Executor(app, settings, WarmParent(preload=[]))
    executor.stopping.set()
    monkeypatch.setattr(jobs, "_executor", executor)
    with redis.Redis.from_url(settings.redis_url) as line:
        assert queue.ring()
        mine = Queue(queue.NAME, connection=line, serializer="json")
        jobs.Listener([mine], connection=line, serializer="json").work(burst=True, logging_level="WARNING")
    assert queue.length() == 1, "the ring is for another worker"
