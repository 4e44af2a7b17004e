"""A database with something of everything: what the pages are looked at with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from shutil import copytree

from tests import databases
from tests.tasks import made
from webapp import clock, config, queue
from webapp.app import create_app
from webapp.db import db, unit, writing_to
from webapp.events import SYSTEM
from webapp.tasks import launch, lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.reasons import Reason
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger

WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> hx-get=/tasks {{ 7*7 }} \u202egnp.exe\u2066"
# Colours without end, a title for the terminal, a link that is none, a bell, a NUL, and bytes that are no text.
BOMB = (
    HOSTILE.encode()
    + b"\n\x1b[31mred\x1b[0m \x1b]0;owned\x07\x1b]8;;javascript:alert(3)\x1b\\link\x1b]8;;\x1b\\ \x00nul\xff\xfe\n"
    + b"\x1b[1;4;31;42m" * 2000
    + b"\nend of the bomb\n<div hx-get='/login' hx-trigger='load'>\n"
)


class Seeded(databases.Sqlite):
    def __init__(self, folder: Path, broker_url: str) -> None:
        super().__init__(folder)
        names = {"DATABASE_URL": f"sqlite:///{self.template}", "MUSTER_DATA": str(folder), "REDIS_URL": broker_url}
        settings = config.load(names | {"SECRET_KEY": "for-tests"})
        queue.client(settings).flushall()
        app = create_app(settings)
        with unit(app, "what pages show"):
            fill(self.cast.acme, folder)
        with app.app_context():
            db.engine.dispose()

    @contextmanager
    def copy(self, folder: Path) -> Iterator[str]:
        copytree(self.folder / "output", folder / "output")
        with super().copy(folder) as url:
            yield url


def fill(acme: int, data: Path) -> None:
    ended(acme, data)
    on_the_way(acme, data)
    waiting(acme)
    db.session.commit()


def ended(acme: int, data: Path) -> None:
    now = clock.now() - timedelta(hours=2)
    for number in range(4):
        printed(made.ended(acme, 0, now + timedelta(minutes=number)), data, b"all is well\n" * 40)
    failed = printed(made.ended(acme, 3, now), data, BOMB, b"ERROR: the disk is full\n")
    with writing_to(acme):
        notes.add(failed, f"Seen **again** today. {HOSTILE} {WORD}", SYSTEM, clock.now())
    taken = made.started(acme, now)
    lifecycle.request_stop(taken.task, made.ANN, now)
    lifecycle.stopped(taken.task, taken.lease, made.WORKER, now + timedelta(seconds=9), End(143, signal=15))
    lifecycle.cancel(made.task(acme, now), made.ANN, now)
    lifecycle.expire(made.task(acme, now), SYSTEM, now)
    lifecycle.skip(made.task(acme, now), Reason.UPSTREAM_FAILED, SYSTEM, now)


def on_the_way(acme: int, data: Path) -> None:
    now = clock.now()
    running = made.started(acme)
    lifecycle.progress(running.task, running.lease, 40, "4 of 10 hosts", now)
    printed(running.task, data, b"started\n")
    reporting = made.started(acme)
    lifecycle.report(reporting.task, reporting.lease, made.WORKER, now, 0)
    downloading = taken(acme)
    lifecycle.download(downloading.task, downloading.lease, made.WORKER, now)
    taken(acme)


def waiting(acme: int) -> None:
    now = clock.now()
    made.agent(acme, "web-1", tags=["prod", "web"], facts={"system": "Debian GNU/Linux 12", "cpus": 2, "memory": 2**32})
    made.agent(acme, "web-2", tags=["prod"], last_seen_at=now - timedelta(hours=3))
    made.agent(acme, "<b>host</b>" + "-very-long-name" * 10, tags=["x" * 40])
    made.command(acme, {"agents": ["web-1"]}, f"echo '{HOSTILE}' {WORD}")
    for line in ("uptime", "df -h"):
        made.command(acme, {"agents": ["web-1"]}, line)
    made.command(acme, {"agents": "all"}, "hostname")
    made.task(acme, not_before=(now + timedelta(hours=5)).isoformat())
    pending = made.tasks(acme, [f"item-{number}" for number in range(12)])
    made.tasks(acme, [WORD * 2])
    with writing_to(acme):
        spec = parse({"data": {"plugin_id": "demo", "input_data": "after the others"}})
        launch.launch(spec, Trigger.MANUAL, made.ANN, now, parents=pending[:2])


def taken(acme: int) -> Claimed:
    made.task(acme)
    return made.claimed()[0]


def printed(task: Task, data: Path, out: bytes, err: bytes = b"") -> Task:
    folder = output.folder(data, task.uuid)
    for stream, text in (("stdout", out), ("stderr", err)):
        if text:
            output.append(folder, stream, output.sizes(folder)[stream], text, at_ms=5)
    task.stdout_size, task.stderr_size = (output.sizes(folder)[stream] for stream in ("stdout", "stderr"))
    return task
