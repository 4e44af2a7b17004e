"""What people type about tests and their builds."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import FileField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from webapp.access.forms import choices
from webapp.library.manifest import ARCHES, PLATFORMS


class TestForm(FlaskForm):
    __test__ = False

    slug = StringField("Id", [InputRequired("Enter an id, like smb-signing"), Length(max=100)])
    name = StringField("Name", [InputRequired("Enter a name"), Length(max=200, message="Use at most 200 characters")])
    description = TextAreaField("Description", [Optional(), Length(max=4000, message="Use at most 4,000 characters")])
    technique = StringField("Technique", [Optional(), Length(max=64, message="Use at most 64 characters")])


class BuildForm(FlaskForm):
    file = FileField("Program")
    platform = SelectField("Platform", choices=choices({"": "As the file says"} | {p: p for p in sorted(PLATFORMS)}))
    arch = SelectField("Architecture", choices=choices({"": "As the file says"} | {a: a for a in sorted(ARCHES)}))
