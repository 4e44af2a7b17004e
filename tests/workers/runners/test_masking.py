"""Secrets of a task are in its settings, and nowhere in what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.tasks import made
from tests.workers.processes import until
from webapp import clock
from webapp.config import Settings
from webapp.db import writing_to
from webapp.files import store
from webapp.files.models import File
from webapp.plugins import catalogue, discovery, lifecycle
from webapp.plugins.discovery import Plugin
from webapp.seal import Seal
from webapp.tasks import launch
from webapp.tasks.log import output
from webapp.tasks.models import Task
from workers.executor import Executor
from workers.runners.warm import WarmParent

SECRET = "quiet-riot-77"
MANIFEST = """Manifest("keyed", "Keyed", "Tells its key.", any_input=True, runs_on=("worker", "agent"),
    parameters=(Parameter("pin", "secret"),), settings=(Parameter("key", "secret"), Parameter("region", default="eu")))
"""
SOURCE = (
    f"""
import sys
from webapp.plugins.contract import Manifest, Parameter
PLUGIN = {MANIFEST}
"""
    + """
def run(context):
    key = context.settings["key"]
    sys.stdout.write(f"{context.settings['region']} {key[:5]}")
    sys.stdout.flush()
    print(key[5:], context.parameters["pin"])
    print("err", key, file=sys.stderr)
    context.progress(0.5, f"with {key}")
    context.save("told.txt", f"the key is {key}, for good")
    (context.out / "late.bin").write_bytes(b"nothing")
    context.keep("late.bin")
    (context.out / "late.bin").write_bytes(b"\\0" * 2**20 + key.encode())
    if context.inputs:
        raise RuntimeError(f"refused {key}")
    return {"key": key, "length": len(key)}
"""
)


# --- the child and its shim ---------------------------------------------------------------------------------


def test_a_secret_is_masked_across_two_writes(bench):  # type: ignore[no-untyped-def]
    call = {"pieces": ["key: quiet-", "riot-77 and ", "on"]}
    bench.call("say", call, secrets=[SECRET])
    assert bench.text() == "key: *** and on"


def test_a_program_is_masked_too(bench):  # type: ignore[no-untyped-def]
    bench.run("sh", "-c", f"echo {SECRET}; echo {SECRET} >&2", secrets=[SECRET])
    assert (bench.text(), bench.text("stderr")) == ("***\n", "***\n")


def test_an_error_does_not_tell_it(bench):  # type: ignore[no-untyped-def]
    ended = bench.call("fail", {"text": f"no entry with {SECRET}"}, secrets=[SECRET])
    assert ended.error == "ValueError: no entry with ***"
    assert SECRET not in ended.traceback and "***" in ended.traceback


def test_a_shim_that_knows_secrets_serves_no_other_task(bench):  # type: ignore[no-untyped-def]
    first = bench.begin("true", secrets=[SECRET])
    first.wait(60)
    assert bench.begin("true").wait(60).exit_code == 0
    bench.call("search_memory", {"reversed": SECRET[::-1]})
    found = bench.text()
    bench.call("search_memory", {"reversed": "no-task-ever-said-it"[::-1]})
    assert found == bench.text() != ""


def test_without_secrets_the_same_shim_serves_on(bench):  # type: ignore[no-untyped-def]
    first, second = bench.begin("true"), None
    first.wait(60)
    second = bench.begin("true")
    second.wait(60)
    assert first.pid == second.pid


# --- the whole way, from the sealed setting to what is kept -------------------------------------------------


@pytest.fixture
def keyed(app: Flask, settings: Settings, session: Session, cast: Cast) -> Iterator[None]:
    """A plugin whose key acme has set, and a worker."""
    path = settings.data / "keyed.py"
    path.write_text(SOURCE)
    plugin = Plugin(discovery.load(f"file:{path}").manifest, f"file:{path}")
    catalogue.catalogue().plugins["keyed"] = plugin
    lifecycle.configure(
        plugin, cast.acme, {"key": SECRET}, Seal(settings.secrets_key_file), made.ANN, clock.now()
    )  # fmt: skip
    session.commit()
    warm = WarmParent()
    warm.start()
    worker = Executor(app, settings, warm)
    worker.start()
    app.extensions["worker"] = worker
    yield
    session.rollback()
    worker.stop()
    warm.stop()


def ran(app: Flask, session: Session, cast: Cast, *inputs: str) -> Task:
    body = {"data": {"plugin_id": "keyed", "input_data": list(inputs), "kwargs": {"pin": "4711"}}}
    return ended(app, session, made.launched(cast.acme, body)[0].id)


def ended(app: Flask, session: Session, number: int) -> Task:
    session.commit()  # nothing stays open while the worker writes
    app.extensions["worker"].claim()

    def has_ended() -> bool:
        at = session.scalar(sa.select(Task.ended_at).where(Task.id == number))
        session.rollback()
        return at is not None

    until(has_ended, 60)
    return session.get_one(Task, number)


def test_a_plugin_has_its_secret_and_nobody_reads_it(
    app: Flask, session: Session, settings: Settings, cast: Cast, keyed: None
) -> None:
    task = ran(app, session, cast)
    assert (task.status, task.result) == ("completed", {"key": "***", "length": len(SECRET)})
    folder = output.folder(settings.data, task.uuid)
    assert (folder / "stdout").read_text() == "eu *** ***\n"
    assert (folder / "stderr").read_text() == "err ***\n"
    assert SECRET not in str(task.data)


def test_nor_does_anybody_find_it_in_the_files_that_it_keeps(
    app: Flask, session: Session, settings: Settings, cast: Cast, keyed: None
) -> None:
    """Also in one that was written on after it was kept."""
    ran(app, session, cast)
    kept = {
        file.name: store.path_of(settings.data, cast.acme, file.uuid).read_bytes()
        for file in session.scalars(sa.select(File))
    }
    assert kept == {"told.txt": b"the key is ***, for good", "late.bin": b"\0" * 2**20 + b"***"}


def test_a_secret_of_the_call_lies_sealed_until_it_runs_and_when_it_runs_again(
    app: Flask, session: Session, settings: Settings, cast: Cast, keyed: None
) -> None:
    task = ran(app, session, cast)
    assert task.data["kwargs"]["pin"]["sealed"].startswith("v1.") and not found_in_the_database(session, "4711")
    with writing_to(cast.acme):
        batch = launch.reschedule(task, made.ANN, clock.now())
    again = ended(app, session, session.scalars(sa.select(Task.id).where(Task.batch_id == batch.id)).one())
    assert again.status == "completed"
    assert (output.folder(settings.data, again.uuid) / "stdout").read_text() == "eu *** ***\n"


def found_in_the_database(session: Session, text: str) -> list[str]:
    tables = sa.MetaData()
    tables.reflect(session.connection())
    rows = ((table.name, row) for table in tables.sorted_tables for row in session.execute(sa.select(table)))
    return [
        name for name, row in rows if any(text in str(value) for value in row if isinstance(value, str | dict | list))
    ]


def test_a_failure_does_not_tell_it_either(app: Flask, session: Session, cast: Cast, keyed: None) -> None:
    task = ran(app, session, cast, "fail.example")
    assert (task.status, task.reason, task.error) == ("failed", "plugin_error", "RuntimeError: refused ***")
    assert SECRET not in (task.traceback or "") and "***" in (task.traceback or "")


def test_without_the_key_file_the_task_fails_and_says_why(
    app: Flask, session: Session, settings: Settings, cast: Cast, keyed: None
) -> None:
    Seal(settings.secrets_key_file).rotate()
    Seal(settings.secrets_key_file).forget()
    task = ran(app, session, cast)
    assert (task.status, task.reason) == ("failed", "plugin_error")
    assert "sealed with the key" in task.error
