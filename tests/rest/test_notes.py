"""Notes over the API: written, changed by their author, with what was there before kept."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.rest.conftest import Api
from tests.tasks import made
from webapp.tasks.notes.models import NoteRevision


def test_a_note_is_written_and_counted(api: Api, session: Session, cast: Cast) -> None:
    program, task = api(), made.task(cast.acme)
    answer = program.post(f"/tasks/{task.uuid}/notes", {"text": "Disk was full"})
    assert (answer.status_code, answer.json["text"], answer.json["task_id"]) == (201, "Disk was full", task.uuid)
    assert answer.json["author"].startswith("oscar/")
    assert program.get(f"/tasks/{task.uuid}/").json["note_count"] == 1
    assert program.get(f"/tasks/{task.uuid}/notes/").json["items"] == [answer.json]
    assert [found["id"] for found in program.get("/tasks/?notes=1").json["items"]] == [task.uuid]


def test_its_author_changes_it_and_the_first_words_are_kept(api: Api, session: Session, cast: Cast) -> None:
    program, task = api(), made.task(cast.acme)
    note = program.post(f"/tasks/{task.uuid}/notes/", {"text": "one"})
    path = f"/notes/{note.json['id']}/"
    changed = program.put(path, {"text": "two"}, headers={"If-Match": note.headers["ETag"]})
    assert (changed.status_code, changed.json["text"], changed.json["version"]) == (200, "two", 2)
    stale = program.put(path, {"text": "three"}, headers={"If-Match": note.headers["ETag"]})
    assert (stale.status_code, stale.headers["ETag"]) == (412, changed.headers["ETag"])
    assert program.get(path).json["text"] == "two"
    assert session.scalars(sa.select(NoteRevision.text)).all() == ["one"]


def test_only_its_author_changes_it_and_an_admin_may_delete_it(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    path = f"/notes/{api().post(f'/tasks/{task.uuid}/notes/', {'text': 'mine'}).json['id']}/"
    assert api("bea").put(path, {"text": "yours"}).json["reason"] == "not_yours"
    assert api("bea").delete(path).json["reason"] == "not_yours"
    assert api("viewer").delete(path).status_code == 403
    assert api("foreign").delete(path).status_code == 404
    assert api("admin").delete(path).status_code == 204
    assert api("admin").get(path).status_code == 404
    assert api().get(f"/tasks/{task.uuid}/").json["note_count"] == 0


def test_a_note_has_something_in_it(api: Api, session: Session, cast: Cast) -> None:
    task = made.task(cast.acme)
    for body in ({"text": "  "}, {"text": "x" * 10_001}, {"text": 5}, {}, {"text": "a", "author": "b"}):
        assert api().post(f"/tasks/{task.uuid}/notes/", body).status_code == 422
