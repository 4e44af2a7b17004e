"""Notes: written, edited with their history, deleted softly. The task's count follows."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from webapp import events
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.tasks.lifecycle import Refused, update
from webapp.tasks.lists import search
from webapp.tasks.models import Task
from webapp.tasks.notes import mentions
from webapp.tasks.notes.models import Note, NoteRevision

LONGEST = 10_000


def add(task: Task, text: str, by: Actor, now: datetime) -> Note:
    note = Note(organization_id=task.organization_id, task_id=task.id, author_id=by.id, author=by.name, text=text,
                version=1, created_at=now)  # fmt: skip
    db.session.add(note)
    db.session.flush()
    mentions.keep(note, task, by, now)
    _recount(task, now)
    events.record(task.organization_id, "note.added", "task", task.id, by, now, data={"note": note.id})
    return note


def edit(note: Note, task: Task, text: str, version: int, by: Actor, now: datetime) -> None:
    """Only what its author saw may be replaced; what it said before is kept."""
    kept = NoteRevision(organization_id=note.organization_id, note_id=note.id, version=note.version, text=note.text,
                        author=note.author, at=note.edited_at or note.created_at)  # fmt: skip
    changed = db.session.execute(
        sa.update(Note).where(Note.id == note.id, Note.version == version, Note.deleted_at.is_(None))
        .values(text=text, version=version + 1, edited_at=now), execution_options={"synchronize_session": False},
    )  # fmt: skip
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        raise Refused("stale", _("This note was changed meanwhile. Review it, then save again"))
    db.session.add(kept)
    db.session.refresh(note)
    mentions.keep(note, task, by, now)
    search.refresh(task)
    events.record(task.organization_id, "note.edited", "task", task.id, by, now, data={"note": note.id})


def delete(note: Note, task: Task, by: Actor, now: datetime) -> None:
    note.deleted_at = now
    mentions.forget(note)
    db.session.flush()
    _recount(task, now)
    events.record(task.organization_id, "note.deleted", "task", task.id, by, now, data={"note": note.id})


def _recount(task: Task, now: datetime) -> None:
    alive = sa.select(sa.func.count()).select_from(Note).where(Note.task_id == task.id, Note.deleted_at.is_(None))
    update(task, now, note_count=db.session.scalar(alive) or 0)
    search.refresh(task)
