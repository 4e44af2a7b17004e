"""What people type about tests and their builds."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import FileField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from webapp.access.forms import choices
from webapp.language import N_
from webapp.library.manifest import ARCHES, PLATFORMS


class TestForm(FlaskForm):
    __test__ = False

    slug = StringField(N_("Id"), [InputRequired(N_("Enter an id, like smb-signing")), Length(max=100)])
    name = StringField(
        N_("Name"), [InputRequired(N_("Enter a name")), Length(max=200, message=N_("Use at most 200 characters"))]
    )
    description = TextAreaField(
        N_("Description"), [Optional(), Length(max=4000, message=N_("Use at most 4,000 characters"))]
    )
    technique = StringField(N_("Technique"), [Optional(), Length(max=64, message=N_("Use at most 64 characters"))])


class BuildForm(FlaskForm):
    file = FileField(N_("Program"))
    platform = SelectField(
        N_("Platform"), choices=lambda: choices({"": N_("As the file says")} | {p: p for p in sorted(PLATFORMS)})
    )
    arch = SelectField(
        N_("Architecture"), choices=lambda: choices({"": N_("As the file says")} | {a: a for a in sorted(ARCHES)})
    )
