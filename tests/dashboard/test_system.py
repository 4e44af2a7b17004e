"""The system page, and the rows by which Muster's own processes are known."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.processes import beats


def test_a_process_is_alive_while_it_says_so(session: Session, cast: Cast) -> None:
    now = clock.now()
    beats.beat("worker", now, now, slots=4, running=1)
    assert beats.count_alive("worker", now) == 1
    assert beats.count_alive("worker", now + beats.ALIVE + timedelta(seconds=1)) == 0
    beats.beat("worker", now + timedelta(minutes=5), now, slots=4, running=2)
    assert [p.facts["running"] for p in beats.alive("worker", now + timedelta(minutes=5))] == [2]
    beats.goodbye("worker")
    assert beats.newest("worker") is None


def test_old_rows_are_forgotten(session: Session, cast: Cast) -> None:
    now = clock.now()
    beats.beat("caretaker", now, now)
    assert beats.forget_old(now + timedelta(hours=1)) == 0
    assert beats.forget_old(now + timedelta(days=2)) == 1


def test_the_page_shows_who_lives(client: Browser, session: Session, cast: Cast) -> None:
    beats.beat("worker", clock.now(), clock.now(), slots=4, running=1)
    page = client.login("admin").get("/admin/system").get_data(as_text=True)
    assert "1 of 4 slots" in page and "Alive" in page
