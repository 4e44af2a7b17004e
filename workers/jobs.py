"""RQ's entry points, and the worker process around them. A job is a doorbell: it says only that there is work."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import redis
import structlog
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from webapp import db, queue
from webapp.config import Settings
from webapp.plugins import execute
from workers.executor import Executor
from workers.runners.warm import WarmParent

BROKER_PAUSE = 2.0
log = structlog.get_logger("worker")
_executor: Executor | None = None


def drain() -> None:
    queue.delete(queue.RING)  # before the first look: a ring from now on means work that this look may miss
    if _executor is None:
        return
    try:
        _executor.drain()
    except Exception:  # the database may be away: tasks that run must not end with this process
        log.exception("a claim failed; the next ring or poll tries again")


class NoPenalty(BaseDeathPenalty):
    """A drain ends by itself; tasks have their own deadlines."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class Listener(SimpleWorker):
    """RQ's loop without its fork: the slots live on between rings."""

    death_penalty_class = NoPenalty
    max_connection_wait_time = 2

    def _install_signal_handlers(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Also before each wait for a ring: the signal may have come before this one could hear it."""
        if _executor is not None and _executor.stopping.is_set() and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        super().heartbeat(*args, **kwargs)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True
        if _executor is not None:
            _executor.stopping.set()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested  # out of its wait for a ring; a drain ends by itself


def main(settings: Settings) -> int:
    global _executor
    queue.connect(settings)
    warm = WarmParent(preload=execute.preload())
    warm.start()
    _executor = Executor(db.core(settings), settings, warm)
    _executor.start()
    _listen(settings, _executor)
    _executor.stop()
    warm.stop()
    return 0


def _listen(settings: Settings, executor: Executor) -> None:
    """Until a signal. While the broker is away the executor looks into the database by itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: executor.stopping.set())
    while not executor.stopping.is_set():
        line = redis.Redis.from_url(settings.redis_url, socket_connect_timeout=2)
        try:
            listener = Listener(
                [Queue(queue.NAME, connection=line, serializer="json")], connection=line, serializer="json"
            )
            drain()
            listener.work(logging_level="WARNING")
        except (redis.RedisError, OSError) as error:
            log.warning("the broker is away; looking into the database instead", error=str(error))
            executor.stopping.wait(BROKER_PAUSE)
