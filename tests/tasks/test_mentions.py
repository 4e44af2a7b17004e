"""People who are named in a note: they are led to it until they have read it, and can look for what names them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests import factories
from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.events import Actor
from webapp.tasks.markdown import render
from webapp.tasks.models import Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes import mentions
from webapp.tasks.notes.models import Mention, Note

PANEL = "Notes that mention you"


@pytest.fixture
def task(session: Session, cast: Cast) -> Task:
    return made.ended(cast.acme, 1)


def written(task: Task, cast: Cast, text: str, who: str = "bea") -> Note:
    return notes.add(task, text, Actor("user", who, cast.id(who)), clock.now())


def named(session: Session) -> set[str]:
    return set(session.scalars(sa.select(Mention.username)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@oscar, look. (@Bea) @alice.", ["oscar", "bea", "alice"]),
        ("mail oscar@x.org, see https://x.y/@oscar, a/@b", []),
        ("@ana.silva. @a @", ["ana.silva", "a"]),
        ("@oscar @oscar", ["oscar"]),
    ],
)
def test_names_in_a_text(text: str, found: list[str]) -> None:
    assert mentions.names(text) == found


def test_only_members_are_called(session: Session, task: Task, cast: Cast) -> None:
    factories.user(username="gone", organization_id=cast.acme).active = False
    written(task, cast, "@oscar @mallory @nobody @gone")
    assert named(session) == {"oscar"}


def test_names_of_members_lead_to_what_else_names_them() -> None:
    shown = str(render("@oscar and @nobody, `@oscar`", frozenset({"oscar"})))
    assert shown == '<p><a href="/tasks?mentions=oscar">@oscar</a> and @nobody, <code>@oscar</code></p>'


def test_the_dashboard_tells_until_it_is_read(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    note = written(task, cast, "Ask @oscar")
    page = client.login("oscar").get("/").text
    assert PANEL in page and f"/tasks/{task.uuid}?tab=notes#note-{note.id}" in page
    assert client.htmx("POST", f"/tasks/notes/{note.id}/read").status_code == 204
    assert PANEL not in client.get("/").text
    assert PANEL not in client.login("bea").get("/").text


def test_who_writes_their_own_name_is_not_told(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    written(task, cast, "@oscar was here", "oscar")
    assert PANEL not in client.login("oscar").get("/").text
    assert f"t-{task.uuid}" in client.get("/tasks?q=mentions:me").text


def test_edits_call_and_call_off_and_do_not_call_again(session: Session, task: Task, cast: Cast) -> None:
    note, bea = written(task, cast, "@oscar"), Actor("user", "bea", cast.id("bea"))
    mentions.read(note, Actor("user", "oscar", cast.id("oscar")), clock.now())
    notes.edit(note, task, "@oscar @alice", 1, bea, clock.now())
    assert not mentions.waiting_for(cast.id("oscar"), 5) and mentions.waiting_for(cast.id("alice"), 5)
    notes.edit(note, task, "nobody", 2, bea, clock.now())
    assert not named(session)


def test_a_deleted_note_calls_nobody(session: Session, task: Task, cast: Cast) -> None:
    note = written(task, cast, "@oscar")
    notes.delete(note, task, Actor("user", "bea", cast.id("bea")), clock.now())
    assert not named(session)


@pytest.mark.parametrize("query", ["mentions=oscar", "mentions=me", "q=mentions:me", "q=mentions:Oscar"])
def test_they_can_be_looked_for(client: Browser, task: Task, cast: Cast, query: str) -> None:
    other = made.ended(cast.acme)
    written(task, cast, "@oscar")
    written(other, cast, "@alice")
    page = client.login("oscar").get(f"/tasks?{query}").text
    assert f"t-{task.uuid}" in page and f"t-{other.uuid}" not in page


def test_me_is_whoever_asks(client: Browser, task: Task, cast: Cast) -> None:
    """Also where two people with the same rights ask for the same address."""
    written(task, cast, "@oscar")
    query = "/tasks?q=mentions:me&seen=0"
    assert f"t-{task.uuid}" in client.login("oscar").htmx("GET", query).text
    assert f"t-{task.uuid}" not in client.login("bea").htmx("GET", query).text


def test_the_field_offers_members(client: Browser, task: Task, cast: Cast) -> None:
    answer = client.login("oscar").htmx("GET", f"/tasks/{task.uuid}/members?q=O")
    assert 'data-name="oscar"' in answer.text and "mallory" not in answer.text and "alice" not in answer.text
    assert client.htmx("GET", f"/tasks/{task.uuid}/members?q=%25").text.count("data-name") == 0
    assert client.get(f"/tasks/{task.uuid}/members").status_code == 302
    assert client.login("viewer").htmx("GET", f"/tasks/{task.uuid}/members").status_code == 403
