"""Tasks per second through one worker, against what no queue can do without, and against one RQ job for each task.

All three run the same plugin in a child that is forked from loaded code, and keep what it prints.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import redis
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from sqlalchemy.orm import Session

from bench import peer
from bench.measure import Row, seconds
from bench.rows.queueing import TRIVIAL, launched, wait_until_done, worker
from bench.world import world
from webapp import clock, db
from webapp.config import Settings
from webapp.tasks.log import output
from webapp.tasks.models import Task
from workers.executor import Executor
from workers.ledger import Ledger
from workers.runners.run import ENTRY
from workers.runners.warm import WarmParent, Work

KEYS = ("a1",)
TASKS = 300
JOBS = 60
ROUNDS = 3
CLAIM_ONE = (
    sa.update(Task)
    .where(Task.id == sa.select(Task.id).where(Task.status == "pending").order_by(Task.rank, Task.queued_at, Task.id)
           .limit(1).scalar_subquery())
    .values(status="executing", updated_at=sa.bindparam("now"))
    .returning(Task.id, Task.uuid)
)  # fmt: skip
FINISH_ONE = (
    sa.update(Task)
    .where(Task.id == sa.bindparam("number"))
    .values(status="completed", ended_at=sa.bindparam("now"), updated_at=sa.bindparam("now"))
)


def rows(wanted: set[str]) -> Iterator[Row]:
    # Two worlds: a ring that the worker hears must not make it take the tasks of the others.
    with world() as bare, world() as settings:
        app, other = db.core(settings), db.core(bare)
        with worker(app, settings) as executor:
            bare.plugins_folder.mkdir()
            (bare.plugins_folder / "trivial.py").write_text(TRIVIAL)
            measured = [_round(app, executor, other, bare) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    ours, limit, true, jobs, empty = (statistics.median(each) for each in zip(*measured, strict=True))
    yield Row("a1", "tasks/s through a worker, share of the limit loop",
              statistics.median(each[0] / each[1] for each in measured), "×", 0.5, "more",
              f"{ours:,.0f}/s against {limit:,.0f}/s (claim a row, run the same child, finish the row); "
              f"with `true` for a child {true:,.0f}/s")  # fmt: skip
    yield Row("a1", "tasks/s through a worker, against one RQ job a task",
              statistics.median(each[0] / each[3] for each in measured), "×", 5, "more",
              f"RQ's fork worker runs {jobs:,.0f} tasks/s; {empty:,.0f} empty jobs/s")  # fmt: skip


def _round(app: Flask, executor: Executor, other: Flask, bare: Settings) -> tuple[float, ...]:
    true = shutil.which("true") or "/bin/true"
    return (
        queued(app, executor),
        looped(other, bare, partial(_child, executor.warm, bare)),
        looped(other, bare, lambda _: os.waitpid(os.posix_spawn(true, [true], {}), 0)),
        forked(bare, "bench.peer.run_one", lambda: launched(other, JOBS), str(bare.data)),
        forked(bare, "time.time", lambda: None),
    )


def queued(app: Flask, executor: Executor) -> float:
    launched(app, TASKS)

    def drain() -> None:
        executor.drain()
        wait_until_done(app, 0.01)

    return TASKS / seconds(drain)


def looped(app: Flask, settings: Settings, run: Callable[[str], Any]) -> float:
    """The limit: what no queue can do without. A row is claimed, a child is run, the row is finished; the commits
    are as durable and as grouped, and there are as many children at a time, as with a worker."""
    launched(app, TASKS)
    ledger = Ledger(app, "bench")
    ledger.start()

    def work() -> None:
        while (task := ledger.write(_claim_one)) is not None:
            run(task.uuid)
            ledger.write(partial(_finish_one, number=task.id))

    def all_slots() -> None:
        threads = [threading.Thread(target=work) for _ in range(settings.worker_slots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    rate = TASKS / seconds(all_slots)
    ledger.stop()
    return rate


def _claim_one(session: Session) -> Any:
    return session.connection().execute(CLAIM_ONE, {"now": clock.now()}).one_or_none()


def _finish_one(session: Session, number: int) -> None:
    session.connection().execute(FINISH_ONE, {"now": clock.now(), "number": number})


def _child(warm: WarmParent, settings: Settings, uuid: str) -> None:
    location = f"file:{settings.plugins_folder / 'trivial.py'}"
    call = {"plugin_id": "trivial", "input_data": ["host.example"], "location": location, "settings": {}, "file": None}
    where = settings.data / "work" / uuid
    env = {"PATH": os.environ["PATH"]}
    warm.run(Work(uuid, where, output.folder(settings.data, uuid), ENTRY, call, env=env, timeout=300.0)).wait()


def forked(settings: Settings, job: str, prepare: Callable[[], None], *args: str) -> float:
    """Jobs per second of RQ's fork worker, without what it takes to start."""
    prepare()
    line = redis.Redis.from_url(settings.redis_url)
    Queue(peer.QUEUE, connection=line, serializer="json").enqueue_many(
        [Queue.prepare_data(job, args, result_ttl=0) for _ in range(JOBS)]
    )
    env = os.environ | {"MUSTER_DATA": str(settings.data), "REDIS_URL": settings.redis_url, "SECRET_KEY": "bench"}
    done = subprocess.run(
        [sys.executable, "-m", "bench.peer"], env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    return JOBS / float(done.stderr.split()[-1])
