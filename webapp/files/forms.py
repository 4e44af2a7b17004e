"""The shape of an upload."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import Field, SelectField, StringField
from wtforms.fields.choices import SelectChoice as Choice
from wtforms.validators import ValidationError

from webapp.access.principal import Principal
from webapp.language import N_, _


def _lowered(text: str | None) -> str:
    return (text or "").strip().lower()


class UploadForm(FlaskForm):
    file = FileField(N_("File"), [FileRequired(N_("Choose a file"))])
    type = StringField(
        N_("Type"), [], [_lowered], render_kw={"placeholder": N_("From its name"), "autocomplete": "off"}
    )
    organization = SelectField(N_("Organization"), choices=[], validate_choice=False)

    def offer(self, who: Principal, permitted: frozenset[int]) -> UploadForm:
        """Where to, for those who have a choice."""
        self.organization.choices = [Choice(org.slug, org.name) for org in who.seen if org.id in permitted]
        if len(self.organization.choices) < 2:
            del self.organization
        return self

    @property
    def kind(self) -> str:
        """What plugins consume as `file:<type>`; the ending of the name unless the person says otherwise."""
        ending = Path(self.file.data.filename or "").suffix.lstrip(".").lower()
        return self.type.data or re.sub(r"[^a-z0-9_-]+", "-", ending)[:64] or "data"

    def validate_type(self, field: Field) -> None:
        if field.data and not re.fullmatch(r"[a-z0-9_-]{1,64}", field.data):
            raise ValidationError(_("Use letters, digits, - and _, like nmap"))

    def chosen_organization(self) -> str | None:
        field: Any = self._fields.get("organization")
        return field.data if field else None
