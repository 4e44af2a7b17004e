"""Creating, claiming and running tasks, against RQ itself and against the same work without a queue."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import redis
import sqlalchemy as sa
from flask import Flask
from rq import Queue

from bench.measure import Row, in_turn, quantile, seconds
from bench.world import organization_id, world
from webapp import clock, db
from webapp.config import Settings
from webapp.db import db as database
from webapp.events import Actor
from webapp.plugins.execute import preload
from webapp.tasks import claim, launch
from webapp.tasks.models import Task
from webapp.tasks.spec import parse
from webapp.tasks.states import OPEN, Trigger
from workers.executor import Executor
from workers.ledger import Ledger
from workers.runners.run import Run
from workers.runners.warm import WarmParent

KEYS = ("a1", "a2", "a3", "claim")
BY = Actor("user", "bench", None)
TASKS = 300
CREATED = 10_000
BACKLOG = 100_000


def rows(wanted: set[str]) -> Iterator[Row]:
    with world() as settings:
        app = db.core(settings)
        if "a3" in wanted:
            yield creating(app, settings)
        if wanted & {"a1", "a2"}:
            with worker(app, settings) as executor:
                if "a2" in wanted:
                    yield from latency(app)
                if "a1" in wanted:
                    yield from throughput(app, settings, executor)
    if "claim" in wanted:
        with world() as settings:
            yield claiming(db.core(settings))


def creating(app: Flask, settings: Settings) -> Row:
    line = redis.Redis.from_url(settings.redis_url)
    queue = Queue("bench", connection=line, serializer="json")

    def ours() -> None:
        launched(app, CREATED, plugin="tcp_ports")

    def theirs() -> None:
        queue.enqueue_many([Queue.prepare_data("time.time") for _ in range(CREATED)])

    a, b, ratio = in_turn(ours, theirs, 2)
    clear(app)
    line.delete("rq:queue:bench")
    note = f"{CREATED / a:,.0f} rows/s; RQ enqueue_many {CREATED / b:,.0f}/s; 10,000 in {a:.2f} s"
    return Row("a3", "creating tasks, share of RQ's enqueue_many", 1 / ratio, "×", 0.5, "more", note)


def throughput(app: Flask, settings: Settings, executor: Executor) -> Iterator[Row]:
    """The same tasks through the queue, through a loop without one, and as one forked RQ job each."""

    def queued() -> None:
        launched(app, TASKS)
        drain(app, executor)

    def looped() -> None:
        launched(app, TASKS)
        loop(app, settings, executor.warm)

    a, b, ratio = in_turn(queued, looped, 3)
    note = f"{TASKS / a:,.0f}/s against {TASKS / b:,.0f}/s (claim, spawn, finish in one loop)"
    yield Row("a1", "tasks/s through a worker, share of the limit loop", 1 / ratio, "×", 0.5, "more", note)
    forked = rq_fork(settings)
    yield Row("a1", "tasks/s through a worker, against RQ's fork worker", (TASKS / a) / forked, "×", 5, "more",
              f"RQ runs {forked:,.0f} empty jobs/s")  # fmt: skip


def latency(app: Flask) -> Iterator[Row]:
    times = []
    for _ in range(60):
        begun = time.perf_counter()
        launched(app, 1)
        wait_until_done(app, 0.001)
        times.append((time.perf_counter() - begun) * 1000)
    yield Row(
        "a2", "run now → finished, p50", quantile(times, 0.5), "ms", 25, note="through the real ring and a real child"
    )
    yield Row("a2", "run now → finished, p99", quantile(times, 0.99), "ms", 100)


def claiming(app: Flask) -> Row:
    launched(app, BACKLOG, plugin="tcp_ports")
    times = []
    for number in range(200):
        times.append(seconds(partial(_claim, app, number)) * 1000)
    rate = 20 / (quantile(times, 0.5) / 1000)
    note = f"{BACKLOG:,} waiting; 20 at once, {rate:,.0f} tasks/s"
    return Row("claim", "one claim with a backlog, p95", quantile(times, 0.95), "ms", 30, note=note)


def _claim(app: Flask, number: int) -> None:
    with db.unit(app, "bench"):
        claim.for_worker(f"bench-{number}", 20, clock.now())


def launched(app: Flask, count: int, plugin: str = "demo") -> None:
    """`demo` runs for a moment; the other one is never run here."""
    org = organization_id(app)
    with app.app_context():
        db.scope_to([org], org)
        if plugin == "demo":
            data = {"plugin_id": "demo", "input_data": list(range(count)), "kwargs": {"lines": 1, "seconds": 0}}
        else:
            data = {"plugin_id": plugin, "input_data": [f"host-{n}.example" for n in range(count)]}
        launch.launch(parse({"data": data}), Trigger.API, BY, clock.now())
        database.session.commit()


@contextmanager
def worker(app: Flask, settings: Settings) -> Iterator[Executor]:
    """A worker inside this process, with RQ's own listener beside it."""
    from workers import jobs

    warm = WarmParent(preload=preload())
    warm.start()
    executor = Executor(app, settings, warm)
    executor.start()
    jobs._executor = executor
    line = redis.Redis.from_url(settings.redis_url)
    listener = jobs.Listener([Queue("work", connection=line, serializer="json")], connection=line, serializer="json")
    listener._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: listener.work(logging_level="ERROR"), daemon=True)
    thread.start()
    yield executor
    listener._stop_requested = True
    executor.stop()
    warm.stop()
    jobs._executor = None


def drain(app: Flask, executor: Executor) -> None:
    executor.drain()
    wait_until_done(app, 0.02)


def wait_until_done(app: Flask, pause: float) -> None:
    while True:
        with db.unit(app, "bench", reading=True) as session:
            if session.scalar(sa.select(Task.id).where(Task.status.in_(OPEN)).limit(1)) is None:
                return
        time.sleep(pause)


def loop(app: Flask, settings: Settings, warm: WarmParent) -> None:
    """The limit: claim, spawn and finish with nothing between, in as many threads as a worker has slots."""
    ledger = Ledger(app, "bench")
    ledger.start()

    def work() -> None:
        while taken := ledger.write(lambda _: claim.for_worker("loop", 1, clock.now())):
            Run(app, settings, warm, ledger, BY, taken[0]).go()

    threads = [threading.Thread(target=work) for _ in range(settings.worker_slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.stop()


def rq_fork(settings: Settings, count: int = 60) -> float:
    line = redis.Redis.from_url(settings.redis_url)
    queue = Queue("fork", connection=line, serializer="json")
    for _ in range(count):
        queue.enqueue("time.time", result_ttl=0)
    code = (
        "import sys, redis; from rq import Queue, Worker\n"
        "line = redis.Redis.from_url(sys.argv[1])\n"
        "Worker([Queue('fork', connection=line, serializer='json')], connection=line, serializer='json')"
        ".work(burst=True, logging_level='ERROR')"
    )
    empty: Callable[[], object] = lambda: subprocess.run([sys.executable, "-c", code, settings.redis_url], check=True)  # noqa: E731
    full = seconds(empty)
    return count / (full - seconds(empty))  # without what it takes to start


def clear(app: Flask) -> None:
    """The tasks that a1 must not find."""
    with db.unit(app, "bench") as session:
        session.execute(sa.update(Task).where(Task.status.in_(OPEN)).values(status="cancelled"))
