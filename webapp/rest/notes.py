"""Notes: what people write about a task."""

from __future__ import annotations

from webapp import clock
from webapp.access.guards import get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.refusal import Refused
from webapp.rest import etags
from webapp.rest.pages import PAGE, list_of, oldest_first
from webapp.rest.reading import body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.tasks import found
from webapp.rest.values import Json, Moment, Shape, Text, Whole
from webapp.tasks.lists import rows
from webapp.tasks.models import Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes.models import Note

section = Section("notes", "Notes", "What people write about a task. They are found by search.")

NOTE = answered(
    "Note",
    id=Whole(),
    task_id=Text(format="uuid"),
    text=Text(),
    author=Text(),
    version=Whole(),
    created_at=Moment(),
    edited_at=Moment(null=True),
)
NEW_NOTE = Shape(name="NewNote", fields={"text": Text(required=True, longest=notes.LONGEST)})


@section.get("/tasks/<task_id>/notes/", needs=(P.TASKS_READ,), query=PAGE, answer=list_of(NOTE))
def index(task_id: str) -> Answer:
    """List the notes of a task, the first one first."""
    task = found(task_id)
    return oldest_first(rows.notes_of(task), Note.id, lambda note: _form(note, task))


@section.post("/tasks/<task_id>/notes/", needs=(P.TASKS_NOTES,), body=NEW_NOTE, answer=NOTE, status=201)
def create(task_id: str) -> Answer:
    """Write a note."""
    task = found(task_id)
    note = notes.add(task, body()["text"], principal.actor, clock.now())
    return Answer(_form(note, task), headers={"Location": f"/api/v1/notes/{note.id}/"})


@section.get("/notes/<int:note_id>/", needs=(P.TASKS_READ,), answer=NOTE)
def show(note_id: int) -> Json:
    """Fetch a note."""
    return _form(*_note(note_id))


@section.put("/notes/<int:note_id>/", needs=(P.TASKS_NOTES,), body=NEW_NOTE, answer=NOTE)
def edit(note_id: int) -> Json:
    """Change one's own note. What it said before is kept."""
    note, task = _own(note_id)
    text = body()["text"]
    etags.check(_form(note, task))
    notes.edit(note, task, text, note.version, principal.actor, clock.now())
    return _form(note, task)


@section.delete("/notes/<int:note_id>/", needs=(P.TASKS_NOTES,))
def delete(note_id: int) -> None:
    """Delete one's own note; with endpoints:tasks:delete anybody's."""
    note, task = _own(note_id, P.TASKS_DELETE)
    etags.check(_form(note, task))
    notes.delete(note, task, principal.actor, clock.now())


def _note(note_id: int) -> tuple[Note, Task]:
    note = get_or_404(Note, id=note_id, deleted_at=None)
    return note, get_or_404(Task, id=note.task_id, deleted_at=None)


def _own(note_id: int, unless: P | None = None) -> tuple[Note, Task]:
    note, task = _note(note_id)
    if note.author_id != principal.id and not (unless and principal.can(unless, note.organization_id)):
        raise Refused("not_yours", f"{note.author} wrote this note. Only they can change it")
    return note, task


def _form(note: Note, task: Task) -> Json:
    return {
        "id": note.id,
        "task_id": task.uuid,
        "text": note.text,
        "author": note.author,
        "version": note.version,
        "created_at": clock.iso(note.created_at),
        "edited_at": clock.iso(note.edited_at),
    }
