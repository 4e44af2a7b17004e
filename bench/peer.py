"""A task as one job of RQ's fork worker: what Muster would be with a job for each task.

The code is loaded before RQ forks, as Muster's parent has it. In RQ's fork the job takes a task, gets its permit, runs the
plugin right there, keeps the output in a file and writes the same end with the same events. It has no supervisor of
its own: what the plugin leaves running stays, and no lease is renewed. As a program it works a queue off and prints
the seconds that took.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import redis
from flask import Flask
from rq import Queue, Worker

from webapp import clock, config, db, queue
from webapp.events import Actor
from webapp.plugins import queries as plugins
from webapp.plugins.execute import run_plugin
from webapp.tasks import claim, lifecycle
from webapp.tasks.lifecycle import End
from webapp.tasks.lists import search
from webapp.tasks.log import output

QUEUE = "peer"
BY = Actor("worker", "peer")
_app: Flask | None = None


def run_one(data: str) -> None:
    assert _app is not None
    with db.unit(_app, "bench"):
        (claimed,) = claim.for_worker("peer", 1, clock.now())
        lifecycle.start(claimed.task, claimed.lease, BY, clock.now())
        plugin = plugins.find(claimed.task.data["plugin_id"])
        call = claimed.task.data | {"location": plugin.location if plugin else None, "settings": {}, "file": None}
    folder, work = output.folder(Path(data), claimed.task.uuid), Path(data) / "work" / claimed.task.uuid
    exit_code = _printing_into(folder, work, call)
    with db.unit(_app, "bench") as session:
        task = session.merge(claimed.task, load=False)
        sizes = {f"{name}_size": (folder / name).stat().st_size for name in ("stdout", "stderr")}
        lifecycle.finish(task, claimed.lease, BY, clock.now(), End(exit_code, **sizes))
        search.add_log(task.id, *output.ends(folder, search.HEAD, search.TAIL))


def _printing_into(folder: Path, work: Path, call: dict[str, object]) -> int:
    for each in (folder, work):
        each.mkdir(mode=0o700, parents=True)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.chdir(work)
    return run_plugin(call, work)


def main() -> None:
    global _app
    settings = config.load(os.environ)
    queue.connect(settings)
    _app = db.core(settings)
    with _app.app_context():
        plugins.find("demo")  # the catalogue is found once, before the forks
        db.db.engine.dispose()
    line = redis.Redis.from_url(settings.redis_url)
    worker = Worker([Queue(QUEUE, connection=line, serializer="json")], connection=line, serializer="json")
    begun = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    print(time.perf_counter() - begun, file=sys.stderr)


if __name__ == "__main__":
    # RQ imports the job's module by its name: it has to find the one whose app is loaded.
    sys.modules["bench.peer"] = sys.modules["__main__"]
    main()
