"""Notes of people on a task: authors edit and delete their own; who may delete tasks may delete any."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request

from webapp import clock, htmx
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks.models import Task
from webapp.tasks.notes import lifecycle as notes
from webapp.tasks.notes import mentions, thread
from webapp.tasks.notes.forms import EditForm, NoteForm
from webapp.tasks.notes.models import Note

bp = Blueprint("task_notes", __name__, url_prefix="/tasks")

OFFERED = 8  # names at a time


@bp.post("/<task_id>/notes")
@requires(Permission.TASKS_NOTES)
def add(task_id: str) -> Response:
    task, form = _task(task_id), NoteForm()
    if not form.validate():
        return _rendered("tasks/note_new.html", "tasks/_note_new.html", 422, task=task, form=form)
    notes.add(task, form.text.data, principal.actor, clock.now())
    db.session.commit()
    return _thread(task, _("Note added"))


@bp.get("/notes/<int:note_id>")
@requires(Permission.TASKS_READ)
def show(note_id: int) -> Response:
    """A note as it stands, in place of the form that was to change it."""
    task, note = _note(note_id)
    if not htmx.wanted():
        return redirect(_back(task))  # type: ignore[return-value]
    return _entry(task, note)


@bp.get("/notes/<int:note_id>/edit")
@requires(Permission.TASKS_NOTES)
def edit_form(note_id: int) -> Response:
    task, note = _own(note_id)
    form = EditForm(None, obj=note)
    return _edit(task, note, form)


@bp.post("/notes/<int:note_id>")
@requires(Permission.TASKS_NOTES)
def edit(note_id: int) -> Response:
    task, note = _own(note_id)
    form = EditForm()
    if not form.validate():
        return _edit(task, note, form, 422)
    try:
        notes.edit(note, task, form.text.data, form.version.data, principal.actor, clock.now())
    except Refused:
        # What is stored now stands beside what was typed; saving again replaces the one that is shown.
        db.session.rollback()
        db.session.refresh(note)
        form.version.raw_data, form.version.data = None, note.version
        return _edit(task, note, form, 409)
    db.session.commit()
    return _entry(task, note) if htmx.wanted() else htmx.changed(None, _back(task), _("Saved"))


@bp.post("/notes/<int:note_id>/delete")
@requires(Permission.TASKS_NOTES)
def delete(note_id: int) -> Response:
    task, note = _own(note_id, unless=Permission.TASKS_DELETE)
    notes.delete(note, task, principal.actor, clock.now())
    db.session.commit()
    return _thread(task, _("Note deleted"))


@bp.post("/notes/<int:note_id>/read")
@requires(person=True)
def read(note_id: int) -> Response:
    """By somebody whom it names."""
    note = _note(note_id)[1]
    mentions.read(note, principal.actor, clock.now())
    db.session.commit()
    return htmx.changed(None, "/", _("Marked as read"), refresh="dashboard")


@bp.get("/<task_id>/members")
@requires(Permission.TASKS_NOTES)
def members(task_id: str) -> Response:
    """Who can be named in a note on this task: those whose name begins with `q`."""
    task = _task(task_id)
    if not htmx.wanted():
        return redirect(_back(task))  # type: ignore[return-value]
    people = mentions.members(task.organization_id, request.args.get("q", ""), OFFERED)
    return htmx.vary(make_response(render_template("tasks/_members.html", people=people)))


def _thread(task: Task, text: str) -> Response:
    if not htmx.wanted():
        return htmx.changed(None, _back(task), text)
    page = render_template(
        "tasks/notes_changed.html", task=task, thread=thread.of(task, principal), form=NoteForm(None)
    )
    return htmx.vary(make_response(page))


def _entry(task: Task, note: Note) -> Response:
    return _rendered(
        "tasks/_note.html", "tasks/_note.html", 200, task=task, entry=thread.entry(note, principal), fresh=True
    )


def _edit(task: Task, note: Note, form: EditForm, status: int = 200) -> Response:
    conflict = thread.entry(note, principal) if status == 409 else None
    return _rendered(
        "tasks/note_edit.html",
        "tasks/_note_edit.html",
        status,
        task=task,
        note=note,
        form=form.of(note),
        conflict=conflict,
    )


def _rendered(page: str, fragment: str, status: int, **context: object) -> Response:
    return htmx.page(page, fragment, status, **context)


def _task(task_id: str) -> Task:
    return get_or_404(Task, uuid=task_id, deleted_at=None)


def _note(note_id: int) -> tuple[Task, Note]:
    note = get_or_404(Note, id=note_id, deleted_at=None)
    return get_or_404(Task, id=note.task_id, deleted_at=None), note


def _own(note_id: int, unless: Permission | None = None) -> tuple[Task, Note]:
    task, note = _note(note_id)
    if note.author_id != principal.id and not (unless and principal.can(unless, note.organization_id)):
        raise Refused("not_yours", _("%(author)s wrote this note. Only they can change it", author=note.author))
    return task, note


def _back(task: Task) -> str:
    return f"/tasks/{task.uuid}?tab=notes"
