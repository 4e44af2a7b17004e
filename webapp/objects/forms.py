"""What people type about object sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, SelectField, StringField, TextAreaField

from webapp.access.forms import choices, stripped
from webapp.language import N_
from webapp.objects.models import ObjectSet
from webapp.objects.types import OBJECT_TYPES


class SetForm(FlaskForm):
    """What is wrong is found by the verb, for programs alike; `told(errors)` puts it where it was typed."""

    name = StringField(N_("Name"), filters=[stripped])
    type = SelectField(
        N_("Type"),
        choices=lambda: choices({name: kind.label for name, kind in OBJECT_TYPES.items()}),
        validate_choice=False,
    )
    query = StringField(N_("Query"), filters=[stripped], render_kw={"spellcheck": "false", "class": "mono"})
    picked = TextAreaField(N_("Picked by hand"), render_kw={"spellcheck": "false", "rows": 4})
    version = HiddenField()

    @property
    def version_seen(self) -> int:
        return int(self.version.data) if (self.version.data or "").isdecimal() else 0

    def given(self) -> dict[str, Any]:
        lines = [line.strip() for line in (self.picked.data or "").splitlines()]
        return {
            "name": self.name.data or "", "type": self.type.data or next(iter(OBJECT_TYPES)), "query": self.query.data or "",
            "picked": [line for line in lines if line],
        }  # fmt: skip

    def fill(self, of: ObjectSet) -> None:
        self.name.data, self.type.data, self.query.data = of.name, of.type, of.query
        self.picked.data, self.version.data = "\n".join(of.picked), str(of.version)

    def told(self, errors: Iterable[Mapping[str, str]]) -> None:
        for error in errors:
            field: Field = getattr(self, error["field"].partition(".")[0])
            field.errors = [*field.errors, error["message"]]
