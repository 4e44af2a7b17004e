"""The broker as doorbell and cache. Rows in the database are the queue; losing the broker loses latency only.

Nothing here raises when the broker is away: a lost call answers as if the key were missing, the first one is
logged, and for a moment (growing to 5 s) no further call tries, so that requests stay quick.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import event
from sqlalchemy.orm import Session, scoped_session

from webapp import clock
from webapp.config import Settings
from webapp.crash import crash_here

NAME = "work"  # one queue only: an RQ worker on several loses the job that it was about to take when it is killed
DRAIN = "workers.jobs.drain"
RING = "muster:ring"  # stands while a ring waits for its drain, which deletes it before its first look
RING_MS = 2_000
EPOCH = "muster:epoch"

CONNECT_SECONDS = 0.1
ANSWER_SECONDS = 0.25
LONGEST_PAUSE = 5.0

Answer = TypeVar("Answer")
log = structlog.get_logger("queue")


def client(settings: Settings) -> redis.Redis:
    """A client of its own; it connects at its first command. A blocking reader needs one."""
    return redis.Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        # One try more, since pooled connections are stale after a restart of the broker. Not after a timeout.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


def connect(settings: Settings) -> redis.Redis:
    """Makes this the broker of the process, for all functions below."""
    global _line
    _line = Line(client(settings))
    return _line.client


def ring() -> bool:
    """Says that there is work. True when a drain will look, also when an earlier ring still waits."""
    return _line.call(_ring, False)


def ring_after_commit(session: Session | scoped_session[Any]) -> None:
    after_commit(session, ring)


def after_commit(session: Session | scoped_session[Any], call: Callable[[], Any]) -> None:
    """Calls once after the real commit of the session's transaction, never after a rollback."""
    session = session() if isinstance(session, scoped_session) else session
    if "after_commit" not in session.info:
        session.info["after_commit"] = {}
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_rollback", _rolled_back)
    session.info["after_commit"][call] = None


def away_since() -> datetime | None:
    """Since when this process has not reached the broker, for a banner; None while all is well."""
    return _line.away_since


def get(key: str) -> bytes | None:
    return _line.call(lambda r: r.get(key), None)


def mget(keys: Iterable[str]) -> list[bytes | None]:
    wanted = list(keys)
    return _line.call(lambda r: r.mget(wanted), [None] * len(wanted)) if wanted else []


def put(key: str, value: str | bytes | int, seconds: float | None = None) -> bool:
    px = None if seconds is None else max(1, int(seconds * 1000))
    return bool(_line.call(lambda r: r.set(key, value, px=px), False))


def incr(key: str, by: int = 1, seconds: float | None = None) -> int | None:
    """The new value. `seconds` is the life of a key that this call makes."""
    return _line.call(lambda r: _incr(r, key, by, seconds), None)


def delete(*keys: str) -> bool:
    """True when the broker has surely forgotten them."""
    return not keys or _line.call(lambda r: r.delete(*keys) >= 0, False)


def publish(channel: str, data: str | bytes) -> bool:
    return _line.call(lambda r: r.publish(channel, data) >= 0, False)


def ask(question: Callable[[Any], Answer], otherwise: Answer) -> Answer:
    """For what has no function of its own here: `question` gets the client."""
    return _line.call(question, otherwise)


def length() -> int | None:
    """Rings that wait for a worker; None while the broker is away."""
    return _line.call(lambda r: r.llen(f"rq:queue:{NAME}"), None)


def epoch() -> str | None:
    """A random word that changes when the broker has lost its memory; None while it is away."""
    return _line.call(_epoch, None)


def ping() -> bool:
    """Asks at once, whatever the pause: for /readyz and doctor."""
    return _line.call(lambda r: r.ping(), False, patient=True)


class Line:
    """One process's line to the broker, with its pause after failures."""

    def __init__(self, client: redis.Redis | None = None) -> None:
        self.client: Any = client
        self.away_since: datetime | None = None
        self.pause = 0.0
        self.closed_until = 0.0

    def call(self, ask: Callable[[Any], Answer], otherwise: Answer, patient: bool = False) -> Answer:
        if self.client is None or (time.monotonic() < self.closed_until and not patient):
            return otherwise
        try:
            answer = ask(self.client)
        except (redis.RedisError, OSError) as error:
            self._lost(error)
            return otherwise
        if self.away_since:
            self._found()
        return answer

    def _lost(self, error: Exception) -> None:
        self.pause = min(LONGEST_PAUSE, self.pause * 2 or 0.5)
        self.closed_until = time.monotonic() + self.pause
        if self.away_since is None:
            self.away_since = clock.now()
            log.warning("the broker is away; tasks start later", error=str(error))

    def _found(self) -> None:
        log.info("the broker is back", away_since=str(self.away_since))
        self.away_since, self.pause, self.closed_until = None, 0.0, 0.0


_line = Line()


def _ring(r: redis.Redis) -> bool:
    from rq import Queue  # 40 ms that only a process that rings should pay

    if not r.set(RING, 1, nx=True, px=RING_MS):
        return True
    Queue(NAME, connection=r, serializer="json").enqueue(DRAIN, job_timeout=-1, result_ttl=0, failure_ttl=3600)
    return True


def _incr(r: redis.Redis, key: str, by: int, seconds: float | None) -> int:
    if seconds is None:
        return int(r.incrby(key, by))  # type: ignore[arg-type]
    pipe = r.pipeline()
    pipe.incrby(key, by)
    pipe.pexpire(key, max(1, int(seconds * 1000)), nx=True)
    return int(pipe.execute()[0])


def _epoch(r: redis.Redis) -> str:
    fresh = secrets.token_hex(8)
    old = r.set(EPOCH, fresh, nx=True, get=True)
    return old.decode() if isinstance(old, bytes) else fresh


def _committed(session: Session) -> None:
    if session.in_nested_transaction():  # SQLAlchemy says "committed" for savepoints too
        return
    calls, session.info["after_commit"] = session.info["after_commit"], {}
    if calls:
        crash_here("committed")
    for call in calls:
        try:
            call()
        except Exception:  # the work is committed: what follows it must not turn the answer into a failure
            log.exception("a call after the commit failed")
    if calls:
        crash_here("rung")


def _rolled_back(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info["after_commit"] = {}
