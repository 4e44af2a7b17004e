"""Creating and claiming tasks, and how soon one runs, against RQ itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import redis
import sqlalchemy as sa
from flask import Flask
from rq import Queue

from bench.measure import Row, in_turn, quantile, seconds
from bench.world import organization_id, world
from webapp import clock, db, queue
from webapp.config import Settings
from webapp.db import db as database
from webapp.events import Actor
from webapp.plugins.execute import preload
from webapp.tasks import claim, launch
from webapp.tasks.models import Task
from webapp.tasks.spec import parse
from webapp.tasks.states import OPEN, Trigger
from workers.executor import Executor
from workers.runners.warm import WarmParent

KEYS = ("a2", "a3", "claim")
BY = Actor("user", "bench", None)
CREATED = 10_000
BACKLOG = 100_000
TRIVIAL = """
from webapp.plugins.contract import Context, Manifest

PLUGIN = Manifest(id="trivial", name="Trivial", description="Prints a line.", any_input=True)


def run(context: Context) -> None:
    print("Hello", context.inputs[0])
"""


def rows(wanted: set[str]) -> Iterator[Row]:
    with world() as settings:
        app = db.core(settings)
        if "a3" in wanted:
            yield creating(app, settings)
        if "a2" in wanted:
            with worker(app, settings):
                yield from latency(app)
    if "claim" in wanted:
        with world() as settings:
            yield claiming(db.core(settings))


def creating(app: Flask, settings: Settings) -> Row:
    line = redis.Redis.from_url(settings.redis_url)
    rqs = Queue("bench", connection=line, serializer="json")

    def ours() -> None:
        launched(app, CREATED, plugin="tcp_ports")

    def theirs() -> None:
        rqs.enqueue_many([Queue.prepare_data("time.time") for _ in range(CREATED)])

    a, b, ratio = in_turn(ours, theirs, 2)
    clear(app)
    line.delete("rq:queue:bench")
    note = f"{CREATED / a:,.0f} rows/s; RQ enqueue_many {CREATED / b:,.0f}/s; 10,000 in {a:.2f} s"
    return Row("a3", "creating tasks, share of RQ's enqueue_many", 1 / ratio, "×", 0.5, "more", note)


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


def launched(app: Flask, count: int, plugin: str = "trivial") -> None:
    """`trivial` prints a line; the other one is never run here."""
    org = organization_id(app)
    with app.app_context():
        db.scope_to([org], org)
        data = {"plugin_id": plugin, "input_data": [f"host-{n}.example" for n in range(count)]}
        launch.launch(parse({"data": data}), Trigger.API, BY, clock.now())
        database.session.commit()


@contextmanager
def worker(app: Flask, settings: Settings) -> Iterator[Executor]:
    """A worker inside this process, with RQ's own listener beside it. It is gone when the block ends."""
    from workers import jobs

    settings.plugins_folder.mkdir()
    (settings.plugins_folder / "trivial.py").write_text(TRIVIAL)
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
    try:
        yield executor
    finally:
        listener._stop_requested = True
        queue.delete(queue.RING)
        queue.ring()  # out of its wait, so that it sees that it shall stop
        thread.join(30)
        executor.stop()
        warm.stop()
        jobs._executor = None


def drain(app: Flask, executor: Executor) -> None:
    executor.drain()
    wait_until_done(app, 0.01)


def wait_until_done(app: Flask, pause: float) -> None:
    """Without a session: a look must cost next to nothing, for the worker is in this process, too."""
    left = sa.select(Task.id).where(Task.status.in_(OPEN)).limit(1)
    with app.app_context(), database.reading_engine(database.engine).connect() as connection:
        while connection.scalar(left) is not None:
            connection.rollback()
            time.sleep(pause)


def clear(app: Flask) -> None:
    """The tasks that the next rows must not find."""
    with db.unit(app, "bench") as session:
        session.execute(sa.update(Task).where(Task.status.in_(OPEN)).values(status="cancelled"))
