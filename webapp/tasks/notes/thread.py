"""The notes of a task as a page shows them, each with what it said before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from markupsafe import Markup

from webapp.access.principal import Principal
from webapp.db import db
from webapp.tasks import markdown, queries
from webapp.tasks.models import Task
from webapp.tasks.notes import mentions
from webapp.tasks.notes.models import Note, NoteRevision


@dataclass(frozen=True)
class Entry:
    note: Note
    before: Sequence[NoteRevision]  # newest first
    mine: bool
    people: frozenset[str]  # whom it names

    @property
    def html(self) -> Markup:
        return markdown.render(self.note.text, self.people)


def of(task: Task, who: Principal) -> list[Entry]:
    notes = queries.notes(task)
    revisions, named = _revisions(notes), mentions.named_in(notes)
    return [Entry(note, revisions[note.id], note.author_id == who.id, named[note.id]) for note in notes]


def entry(note: Note, who: Principal) -> Entry:
    named = mentions.named_in([note])
    return Entry(note, _revisions([note])[note.id], note.author_id == who.id, named[note.id])


def _revisions(notes: Sequence[Note]) -> dict[int, list[NoteRevision]]:
    edited = [note.id for note in notes if note.version > 1]
    found: dict[int, list[NoteRevision]] = defaultdict(list)
    if edited:
        earlier = sa.select(NoteRevision).where(NoteRevision.note_id.in_(edited))
        for revision in db.session.scalars(earlier.order_by(NoteRevision.version.desc())):
            found[revision.note_id].append(revision)
    return found
