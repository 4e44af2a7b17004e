"""Notes on the page of a task: who may write, edit and delete them, and what becomes of two who edit at once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.cast import Cast
from tests.tasks import made
from webapp import clock
from webapp.events import Actor
from webapp.tasks.models import Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes.models import Note, NoteRevision


@pytest.fixture
def task(session: Session, cast: Cast) -> Task:
    return made.ended(cast.acme, 1)


def written(task: Task, cast: Cast, who: str = "oscar", text: str = "Seen before") -> Note:
    return notes.add(task, text, Actor("user", who, cast.id(who)), clock.now())


def stored(session: Session) -> list[Note]:
    return list(session.scalars(sa.select(Note).where(Note.deleted_at.is_(None)).order_by(Note.id)))


def test_it_is_added_with_its_author(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    answer = client.login("oscar").htmx("POST", f"/tasks/{task.uuid}/notes", data={"text": "  **Disk** full  "})
    note = stored(session)[0]
    assert (note.text, note.author, note.author_id) == ("**Disk** full", "oscar", cast.id("oscar"))
    assert session.get_one(Task, task.id).note_count == 1
    assert "<strong>Disk</strong> full" in answer.text and 'hx-target="#tab-notes"' in answer.text


def test_a_plain_form_leads_back(client: Browser, task: Task) -> None:
    answer = client.login("oscar").post(f"/tasks/{task.uuid}/notes", data={"text": "x"})
    assert answer.status_code == 303 and answer.location == f"/tasks/{task.uuid}?tab=notes"


@pytest.mark.parametrize(("text", "said"), [("   ", "Enter the note"), ("x" * 10_001, "Use at most 10,000 characters")])
def test_what_cannot_be_a_note_comes_back(client: Browser, session: Session, task: Task, text: str, said: str) -> None:
    answer = client.login("oscar").htmx("POST", f"/tasks/{task.uuid}/notes", data={"text": text})
    assert answer.status_code == 422 and said in answer.text and not stored(session)
    assert client.post(f"/tasks/{task.uuid}/notes", data={"text": text}).status_code == 422


def test_viewers_read_and_do_not_write(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    note = written(task, cast)
    page = client.login("viewer").get(f"/tasks/{task.uuid}?tab=notes").text
    assert "Seen before" in page and 'id="note-new"' not in page and "/edit" not in page
    for url in (f"/tasks/{task.uuid}/notes", f"/tasks/notes/{note.id}", f"/tasks/notes/{note.id}/delete"):
        assert client.post(url, data={"text": "x", "version": 1}).status_code == 403


def test_an_edit_keeps_what_it_said_before(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    note = written(task, cast)
    form = client.login("oscar").htmx("GET", f"/tasks/notes/{note.id}/edit")
    assert "Seen before" in form.text and 'value="1"' in form.text and "hx-morph-skip" in form.text
    answer = client.htmx("POST", f"/tasks/notes/{note.id}", data={"text": "Seen twice", "version": 1})
    assert answer.status_code == 200 and "Seen twice" in answer.text and "1 earlier version" in answer.text
    assert session.scalar(sa.select(NoteRevision.text)) == "Seen before"


def test_two_edits_at_once_lose_nothing(client: Browser, session: Session, task: Task, cast: Cast) -> None:
    note = written(task, cast)
    client.login("oscar").htmx("POST", f"/tasks/notes/{note.id}", data={"text": "from one tab", "version": 1})
    clash = client.htmx("POST", f"/tasks/notes/{note.id}", data={"text": "from another", "version": 1})
    assert clash.status_code == 409
    assert "from one tab" in clash.text and "from another" in clash.text and 'value="2"' in clash.text
    assert [each.text for each in stored(session)] == ["from one tab"]
    again = client.htmx("POST", f"/tasks/notes/{note.id}", data={"text": "from another", "version": 2})
    assert again.status_code == 200 and [each.text for each in stored(session)] == ["from another"]


def test_a_clash_without_script_shows_both_too(client: Browser, task: Task, cast: Cast) -> None:
    note = written(task, cast)
    client.login("oscar").post(f"/tasks/notes/{note.id}", data={"text": "first", "version": 1})
    page = client.post(f"/tasks/notes/{note.id}", data={"text": "second", "version": 1})
    assert page.status_code == 409 and "<html" in page.text and "first" in page.text and "second" in page.text


@pytest.mark.parametrize("who", ["bea", "alice"])
def test_only_its_author_edits_it(client: Browser, session: Session, task: Task, cast: Cast, who: str) -> None:
    note = written(task, cast)
    assert f"/tasks/notes/{note.id}/edit" not in client.login(who).get(f"/tasks/{task.uuid}?tab=notes").text
    answer = client.htmx("POST", f"/tasks/notes/{note.id}", data={"text": "mine now", "version": 1})
    assert answer.status_code == 409 and [each.text for each in stored(session)] == ["Seen before"]


@pytest.mark.parametrize(
    ("who", "status", "left"), [("oscar", 200, 0), ("bea", 409, 1), ("alice", 200, 0), ("mallory", 404, 1)]
)
def test_authors_delete_their_own_and_admins_any(
    client: Browser, session: Session, task: Task, cast: Cast, who: str, status: int, left: int
) -> None:
    note = written(task, cast)
    assert client.login(who).htmx("POST", f"/tasks/notes/{note.id}/delete").status_code == status
    assert len(stored(session)) == session.get_one(Task, task.id).note_count == left


def test_another_organisation_has_no_notes_here(client: Browser, session: Session, cast: Cast) -> None:
    foreign = made.ended(cast.globex)
    assert client.login("oscar").post(f"/tasks/{foreign.uuid}/notes", data={"text": "x"}).status_code == 404


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "[x](javascript:alert(1))", '<img src=x onerror="alert(1)">', "`</code><b>`"]
)
def test_hostile_notes_are_text(client: Browser, session: Session, task: Task, cast: Cast, text: str) -> None:
    written(task, cast, text=text)
    page = client.login("viewer").get(f"/tasks/{task.uuid}?tab=notes").text
    prose = page[page.index('class="prose"') :].partition("</div>")[0]
    assert "<script" not in prose and "<img" not in prose and "<b>" not in prose and 'href="javascript' not in prose
