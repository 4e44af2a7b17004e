"""What needs attention is told once, however often it failed, and no more once it completed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.config import Settings
from webapp.dashboard import failures
from webapp.tasks import lifecycle
from webapp.tasks.log import output


def told(cast: Cast, settings: Settings) -> list[tuple[str, int]]:
    return [(streak.task.input, len(streak.tasks)) for streak in failures.streaks([cast.acme], settings.data)]


def run(cast: Cast, thing: str, *codes: int) -> None:
    for code in codes:
        made.tasks(cast.acme, [thing])
        taken = made.claimed()[0]
        lifecycle.start(taken.task, taken.lease, made.WORKER, clock.now())
        lifecycle.finish(taken.task, taken.lease, made.WORKER, clock.now(), lifecycle.End(code))


def test_a_streak_is_one(session: Session, settings: Settings, cast: Cast) -> None:
    run(cast, "a", 1, 1, 1)
    run(cast, "b", 1)
    assert told(cast, settings) == [("b", 1), ("a", 3)]


def test_it_begins_after_the_last_success(session: Session, settings: Settings, cast: Cast) -> None:
    run(cast, "a", 1, 1, 0, 1, 1)
    assert told(cast, settings) == [("a", 2)]


def test_what_completed_since_is_not_told(session: Session, settings: Settings, cast: Cast) -> None:
    run(cast, "a", 1, 1, 0)
    assert told(cast, settings) == []


def test_a_streak_that_is_longer_than_one_looks_says_at_least(
    session: Session, settings: Settings, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "LOOKED_AT", 2)
    run(cast, "a", 1, 1, 1)
    (streak,) = failures.streaks([cast.acme], settings.data)
    assert streak.more and len(streak.tasks) == 2


def test_the_page_says_how_often_and_since_when(
    client: Browser, session: Session, settings: Settings, cast: Cast
) -> None:
    run(cast, "a", 1, 1)
    newest = failures.streaks([cast.acme], settings.data)[0].task
    output.append(output.folder(settings.data, newest.uuid), "stderr", 0, b"no such disk\n", at_ms=0)
    page = client.login("viewer").get("/").text
    assert "2 failures since" in page and "no such disk" in page


def test_another_organisations_failures_are_theirs(session: Session, settings: Settings, cast: Cast) -> None:
    made.ended(cast.globex, 1, clock.now() - timedelta(hours=1))
    assert told(cast, settings) == []
