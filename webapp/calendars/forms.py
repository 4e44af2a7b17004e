"""What people type about calendars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    Field,
    FileField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.access.forms import choices, stripped
from webapp.calendars import holidays
from webapp.calendars.days import NEXT_WORKING_DAY, SKIP
from webapp.calendars.lifecycle import Draft
from webapp.calendars.models import Calendar
from webapp.language import N_, _

POLICIES = {SKIP: N_("Skip the run"), NEXT_WORKING_DAY: N_("Run on the next working day instead")}
DAYS = {"0": N_("Mon"), "1": N_("Tue"), "2": N_("Wed"), "3": N_("Thu"), "4": N_("Fri"), "5": N_("Sat"), "6": N_("Sun")}
AHEAD = 5  # years that public holidays are taken for


class CalendarForm(FlaskForm):
    name = StringField(N_("Name"), [InputRequired(N_("Name the calendar")), Length(max=120)], [stripped])
    policy = RadioField(N_("On a day off"), choices=lambda: choices(POLICIES), default=SKIP)
    weekend = SelectMultipleField(
        N_("Weekend"), choices=lambda: choices(DAYS), default=["5", "6"], widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )  # fmt: skip
    version = HiddenField()

    @property
    def draft(self) -> Draft:
        return Draft(self.name.data, self.policy.data, [int(day) for day in self.weekend.data])

    @property
    def version_seen(self) -> int:
        return int(self.version.data) if (self.version.data or "").isdecimal() else 0

    def validate_weekend(self, field: Field) -> None:
        if len(field.data) > 6:
            raise ValidationError(_("Leave at least one day to work on"))

    def fill(self, calendar: Calendar) -> None:
        self.name.data, self.policy.data, self.version.data = calendar.name, calendar.policy, str(calendar.version)
        self.weekend.data = [str(day) for day in calendar.weekend]


class HolidaysForm(FlaskForm):
    """A country, a part of it, and the years to copy."""

    country = SelectField(N_("Country"), choices=[], validate_choice=False)
    subdivision = SelectField(N_("Part of it"), choices=[], validate_choice=False)
    first = SelectField(N_("From"), choices=[], coerce=int, validate_choice=False)
    last = SelectField(N_("Until"), choices=[], coerce=int, validate_choice=False)

    def offer(self, now: date) -> HolidaysForm:
        self.country.choices = choices({"": N_("None")} | dict(holidays.countries()))
        parts = holidays.subdivisions(self.country.data) if self.country.data in dict(holidays.countries()) else []
        self.subdivision.choices = choices({"": _("All of it") if parts else _("None")} | dict(parts))
        years = {year: str(year) for year in range(now.year - 1, min(now.year + 21, holidays.LAST_YEAR + 1))}
        self.first.choices = self.last.choices = choices(years)
        self.first.data, self.last.data = self.first.data or now.year, self.last.data or now.year + AHEAD
        return self

    @property
    def years(self) -> Sequence[int]:
        return range(self.first.data, self.last.data + 1)


class NewCalendarForm(CalendarForm, HolidaysForm):
    """A new calendar may begin with the public holidays of a country."""


class DatesForm(FlaskForm):
    """Own dates: a list, or a file."""

    dates = TextAreaField(
        N_("Dates"), filters=[stripped],
        render_kw={"rows": 4, "spellcheck": "false", "placeholder": "2026-12-24..2026-12-31 Closed"},
    )  # fmt: skip
    file = FileField(N_("iCalendar file"), render_kw={"accept": ".ics,text/calendar"})

    def wrong(self, field: str, message: str) -> None:
        named: Any = getattr(self, field)
        named.errors = [*named.errors, message]
