"""What tests of pages do over and over: let it ask again, change something behind its back, look things up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Page, Response

from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.db import db, unit
from webapp.tasks import lifecycle
from webapp.tasks.claim import Claimed
from webapp.tasks.lifecycle import End
from webapp.tasks.models import Task

ASK = "for (const el of document.querySelectorAll('body [data-live]')) el.dispatchEvent(new CustomEvent('poll'))"


def polls(response: Response) -> bool:
    """Those of the page's own list, not of what stands below it."""
    own = not response.url.endswith("/tasks/schedules/section")
    return own and response.request.headers.get("hx-request") == "true" and response.request.method == "GET"


def poll(page: Page) -> Response:
    """What the page's clock does every ten seconds, now."""
    with page.expect_response(polls) as asked:
        page.evaluate(ASK)
    return asked.value


def change(app: Flask, act: Callable[[], Any]) -> Any:
    """By somebody else, while the page is open."""
    with unit(app, "somebody else"):
        return act()


def task(app: Flask, *where: Any) -> str:
    """The id of the newest task of which this is true."""
    with unit(app, "look", reading=True) as session:
        return str(session.scalars(sa.select(Task.uuid).where(*where).order_by(Task.id.desc()).limit(1)).one())


def how_many(app: Flask, *where: Any) -> int:
    with unit(app, "look", reading=True) as session:
        return int(session.scalar(sa.select(sa.func.count()).select_from(Task).where(*where)) or 0)


def held(organization_id: int, number: int) -> list[Claimed]:
    """So many new tasks that a worker has taken; what waited for one before is cancelled."""
    for waiting in made.claimed(most=100):
        lifecycle.cancel(waiting.task, made.ANN, clock.now())
    for _ in range(number):
        made.task(organization_id)
    return [Claimed(taken.task, taken.lease) for taken in made.claimed(most=number)]


def begin(taken: Claimed) -> None:
    lifecycle.start(get(taken.task.uuid), taken.lease, made.WORKER, clock.now())


def fail(taken: Claimed) -> None:
    end = End(1, error="The disk of web-1 is full, and there is nothing more to be said about it")
    lifecycle.finish(get(taken.task.uuid), taken.lease, made.WORKER, clock.now(), end)


def get(uuid: str) -> Task:
    return db.session.scalars(sa.select(Task).where(Task.uuid == uuid)).one()


def started(app: Flask, cast: Cast) -> Claimed:
    """The newest: those that wait from before are cancelled first."""

    def start() -> Claimed:
        for waiting in made.claimed(most=100):
            lifecycle.cancel(waiting.task, made.ANN, clock.now())
        taken = made.started(cast.acme)
        return Claimed(taken.task, taken.lease)

    return change(app, start)
