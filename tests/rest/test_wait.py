"""Waiting for an end without asking again and again."""

from __future__ import annotations

import threading

from flask import Flask
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp import clock
from webapp.db import unit
from webapp.rest import patience
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End


def end_in_another_thread(app: Flask, taken: Claimed) -> threading.Thread:
    def end() -> None:
        with unit(app, "test worker") as session:
            lifecycle.finish(session.merge(taken.task, load=False), taken.lease, made.WORKER, clock.now(), End(0))

    thread = threading.Thread(target=end)
    thread.start()
    return thread


def test_it_answers_when_the_task_has_ended(api: Api, app: Flask, session: Session, cast: Cast) -> None:
    taken, program = made.started(cast.acme), api()
    session.commit()
    ending = end_in_another_thread(app, taken)
    assert program.get(f"/tasks/{taken.task.uuid}/?wait=30").json["status"] == "completed"
    ending.join()


def test_a_batch_is_waited_for_as_a_whole(api: Api, app: Flask, session: Session, cast: Cast) -> None:
    taken, program = made.started(cast.acme), api()
    batch = program.get(f"/tasks/{taken.task.uuid}").json["batch_id"]
    session.commit()
    ending = end_in_another_thread(app, taken)
    assert program.get(f"/batches/{batch}/?wait=30").json["counts"] == {"completed": 1}
    ending.join()


def test_one_that_goes_on_is_answered_as_it_is(api: Api, session: Session, cast: Cast) -> None:
    assert api().get(f"/tasks/{made.task(cast.acme).uuid}/?wait=1").json["status"] == "pending"


def test_it_answers_at_once_when_too_many_wait(app: Flask, session: Session) -> None:
    """Without a seat it does not even look."""
    leaves = [patience.sit() for _ in range(max(1, app.extensions["settings"].web_threads // 2))]
    assert all(leaves) and patience.sit() is None
    looks: list[int] = []
    patience.wait(lambda: bool(looks.append(1)), 60)
    assert not looks
    for leave in leaves:
        leave()
    patience.wait(lambda: looks.append(1) is None, 60)
    assert looks == [1]


def test_a_wait_has_an_end(api: Api) -> None:
    assert api().get("/tasks/00000000/?wait=61").json["errors"][0]["message"] == "Enter a number from 0 to 60"
    assert api().get("/tasks/00000000/?wait=-1").json["errors"][0]["message"] == "Enter a number from 0 to 60"
