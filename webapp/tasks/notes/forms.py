"""The shape of a note."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, TextAreaField
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from webapp.language import N_
from webapp.tasks.notes.lifecycle import LONGEST
from webapp.tasks.notes.models import Note


def _stripped(text: str | None) -> str:
    return (text or "").strip()


class NoteForm(FlaskForm):
    text = TextAreaField(
        N_("Note"),
        [DataRequired(N_("Enter the note")), Length(max=LONGEST, message=f"Use at most {LONGEST:,} characters")],
        [_stripped],
        id="note-text",
        render_kw={"rows": 3, "maxlength": LONGEST, "dir": "auto"},
    )


class EditForm(NoteForm):
    """`version`: the one that its author saw."""

    version = IntegerField(widget=HiddenInput(), default=1)

    def of(self, note: Note) -> EditForm:
        """Several may be open on one page."""
        self.text.id, self.version.id = f"edit-text-{note.id}", f"edit-version-{note.id}"
        return self
