"""Creating, claiming and running tasks, against RQ itself and against the same work without a queue."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import redis
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from sqlalchemy.orm import Session

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
from workers.ledger import Ledger
from workers.runners.warm import WarmParent

KEYS = ("a1", "a2", "a3", "claim")
BY = Actor("user", "bench", None)
TASKS = 300
CREATED = 10_000
ROUNDS = 3
BACKLOG = 100_000
TRIVIAL = """
from webapp.plugins.contract import Context, Manifest

PLUGIN = Manifest(id="trivial", name="Trivial", description="Prints a line.", any_input=True)


def run(context: Context) -> None:
    print("Hello", context.inputs[0])
"""
CLAIM_ONE = (
    sa.update(Task)
    .where(Task.id == sa.select(Task.id).where(Task.status == "pending").order_by(Task.rank, Task.queued_at, Task.id)
           .limit(1).scalar_subquery())
    .values(status="executing", updated_at=sa.bindparam("now"))
    .returning(Task.id)
)  # fmt: skip
FINISH_ONE = (
    sa.update(Task)
    .where(Task.id == sa.bindparam("number"))
    .values(status="completed", ended_at=sa.bindparam("now"), updated_at=sa.bindparam("now"))
)


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


def throughput(app: Flask, settings: Settings, executor: Executor) -> Iterator[Row]:
    """The same tasks through the queue, as bare rows and children in a loop, and as one forked RQ job each."""

    def queued() -> float:
        launched(app, TASKS)
        return TASKS / seconds(partial(drain, app, executor))

    def looped() -> float:
        launched(app, TASKS)
        return TASKS / seconds(partial(loop, app, settings.worker_slots))

    rounds = [(queued(), looped(), rq_fork(settings)) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    ours, limit, forked = (statistics.median(each) for each in zip(*rounds, strict=True))
    share = statistics.median(a / b for a, b, _ in rounds)
    times = statistics.median(a / c for a, _, c in rounds)
    yield Row("a1", "tasks/s through a worker, share of the limit loop", share, "×", 0.5, "more",
              f"{ours:,.0f}/s against {limit:,.0f}/s (claim a row, spawn `true`, finish the row)")  # fmt: skip
    yield Row("a1", "tasks/s through a worker, against RQ's fork worker", times, "×", 5, "more",
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


def loop(app: Flask, slots: int) -> None:
    """The limit: what no queue can do without. A row is claimed, a child is run, the row is finished; the commits
    are as durable and as grouped, and there are as many children at a time, as with a worker."""
    ledger = Ledger(app, "bench")
    ledger.start()
    true = shutil.which("true") or "/bin/true"

    def work() -> None:
        while (number := ledger.write(_claim_one)) is not None:
            os.waitpid(os.posix_spawn(true, [true], {}), 0)
            ledger.write(partial(_finish_one, number=number))

    threads = [threading.Thread(target=work) for _ in range(slots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.stop()


def _claim_one(session: Session) -> int | None:
    return session.connection().scalar(CLAIM_ONE, {"now": clock.now()})


def _finish_one(session: Session, number: int) -> None:
    session.connection().execute(FINISH_ONE, {"now": clock.now(), "number": number})


def rq_fork(settings: Settings, count: int = 60) -> float:
    """Empty jobs per second, without what it takes to start."""
    line = redis.Redis.from_url(settings.redis_url)
    Queue("fork", connection=line, serializer="json").enqueue_many(
        [Queue.prepare_data("time.time", result_ttl=0) for _ in range(count)]
    )
    code = (
        "import sys, time, redis; from rq import Queue, Worker\n"
        "line = redis.Redis.from_url(sys.argv[1])\n"
        "worker = Worker([Queue('fork', connection=line, serializer='json')], connection=line, serializer='json')\n"
        "begun = time.perf_counter(); worker.work(burst=True, logging_level='ERROR')\n"
        "print(time.perf_counter() - begun)"
    )
    done = subprocess.run([sys.executable, "-c", code, settings.redis_url], check=True, stdout=subprocess.PIPE)
    return count / float(done.stdout)


def clear(app: Flask) -> None:
    """The tasks that a1 must not find."""
    with db.unit(app, "bench") as session:
        session.execute(sa.update(Task).where(Task.status.in_(OPEN)).values(status="cancelled"))
