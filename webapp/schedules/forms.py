"""The fields in which people say when something runs. Every kind has its own group; only the chosen one is read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    Field,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget

from webapp.access.forms import choices, stripped
from webapp.calendars.models import Calendar
from webapp.calendars.zones import wall_time, zone
from webapp.language import N_, _
from webapp.schedules.dates import NAMES, ORDINALS, SHORT
from webapp.schedules.draft import new_seed
from webapp.schedules.models import Schedule

NOW = "now"
KINDS = {
    NOW: N_("Run now"), "once": N_("Once"), "times": N_("Daily"), "random": N_("Random"), "weekly": N_("Weekly"), "monthly": N_("Monthly"),
    "interval": N_("Interval"), "cron": N_("Cron"), "freshness": N_("Freshness"),
}  # fmt: skip
DAYS = dict(zip(SHORT, (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun")), strict=True))
FULL_DAYS = dict(zip(SHORT, NAMES, strict=True))
MISFIRE = {
    "once": N_("Run the newest one, if it is at most an hour late"),
    "skip": N_("Skip them all"),
    "all": N_("Run them all, up to 100 of the last 24 hours"),
}
OVERLAP = {
    "skip": N_("Skip the new one"),
    "queue": N_("Let the new one wait"),
    "allow": N_("Run both"),
    "replace": N_("Stop the old one"),
}
PER = {"fleet": N_("One time for all"), "agent": N_("Another time for each agent")}

# Where a rule's field is typed, by kind. What stands nowhere is told at the kind.
TYPED: dict[str, dict[str, str]] = {
    "once": {"at": "once_at"},
    "times": {"at": "times_at", "days": "times_days"},
    "random": {"between": "random_from", "days": "random_days", "per": "random_per"},
    "weekly": {"days": "weekly_days", "at": "weekly_at"},
    "monthly": {"day": "monthly_day", "nth": "monthly_nth", "at": "monthly_at"},
    "interval": {"every": "interval_every", "between": "interval_from", "days": "interval_days"},
    "cron": {"expr": "cron_expr"},
    "freshness": {"every": "freshness_every"},
}
OF_THE_SCHEDULE = {"timezone": "timezone", "start": "start", "end": "end", "calendar": "calendar", "jitter": "jitter",
                   "misfire": "misfire", "overlap": "overlap"}  # fmt: skip


def text(label: str, default: str = "", **attributes: Any) -> StringField:
    return StringField(label, filters=[stripped], default=default, render_kw={"autocomplete": "off", **attributes})


def days(label: str = "Days", default: Iterable[str] = ()) -> SelectMultipleField:
    boxes = {"widget": ListWidget(prefix_label=False), "option_widget": CheckboxInput()}
    return SelectMultipleField(label, choices=lambda: choices(DAYS), default=list(default), **boxes)


class WhenForm(FlaskForm):
    """`rule()` is what was chosen, as the contract has it; `told(errors)` puts errors where they were typed."""

    when = RadioField(N_("When"), choices=lambda: choices(KINDS), default=NOW)
    once_at = text(N_("Date and time"), type="datetime-local")
    times_at = text(N_("Times"), "09:00", placeholder="09:30, 17:00")
    times_days = days(N_("Only on"))
    random_from = text(N_("From"), "09:00")
    random_to = text(N_("To"), "17:00")
    random_days = days(default=SHORT[:5])
    random_per = RadioField(N_("Time"), choices=lambda: choices(PER), default="fleet")
    weekly_days = days(default=SHORT[:1])
    weekly_at = text(N_("Times"), "09:00", placeholder="09:30, 17:00")
    monthly_by = RadioField(
        N_("On"), choices=lambda: choices({"day": N_("A day of the month"), "nth": N_("A weekday")}), default="day"
    )
    monthly_day = text(N_("Day"), "1", inputmode="numeric")
    monthly_nth = SelectField(
        N_("Which"), choices=lambda: choices({word: _(word).capitalize() for word in ORDINALS}), default="first"
    )
    monthly_weekday = SelectField(N_("Weekday"), choices=lambda: choices(FULL_DAYS), default="mon")
    monthly_at = text(N_("Times"), "09:00", placeholder="02:00, 14:00")
    interval_every = text(N_("Every"), "15m")
    interval_from = text(N_("From"), placeholder="09:00")
    interval_to = text(N_("To"), placeholder="17:00")
    interval_days = days(N_("Only on"))
    cron_expr = text(N_("Expression"), placeholder="30 9 * * 1-5", spellcheck="false")
    freshness_every = text(N_("Fresh for"), "24h")
    jitter = text(N_("Delay by chance, at most"), placeholder="10m")
    timezone = text(N_("Time zone"), "UTC", list="zones", spellcheck="false")
    calendar = SelectField(N_("Calendar"), choices=[], validate_choice=False)
    start = text(N_("From"), type="datetime-local")
    end = text(N_("Until"), type="datetime-local")
    misfire = RadioField(N_("Missed runs"), choices=lambda: choices(MISFIRE), default="once")
    overlap = RadioField(N_("While the run before still goes on"), choices=lambda: choices(OVERLAP), default="skip")
    seed = HiddenField(default=new_seed)

    def offer(self, calendars: Sequence[Calendar], kinds: Iterable[str] = KINDS) -> WhenForm:
        self.calendar.choices = choices({"": N_("None")} | {str(calendar.id): calendar.name for calendar in calendars})
        self.when.choices = choices({kind: KINDS[kind] for kind in kinds})
        return self

    @property
    def scheduled(self) -> bool:
        return self.when.data != NOW

    def rule(self) -> dict[str, Any]:
        kind = self.when.data or ""
        read = getattr(self, f"_{kind}", None)
        fields = read() if read else {}
        return {"kind": kind, **{name: value for name, value in fields.items() if value}, **self._jitter()}

    def given(self) -> dict[str, Any]:
        """Everything about when, by the contract's names."""
        names = ("timezone", "calendar", "misfire", "overlap", "start", "end", "seed")
        return {"rule": self.rule()} | {name: getattr(self, name).data or None for name in names}

    def told(self, errors: Iterable[Mapping[str, str]]) -> None:
        """What is wrong, at its field; what has none is told at the top."""
        for error in errors:
            name = self._typed(error["field"])
            if name:
                field: Field = getattr(self, name)
                field.errors = [*field.errors, error["message"]]
            else:
                self.form_errors.append(error["message"])

    def fill(self, schedule: Schedule) -> None:
        """As it is stored; a form that comes back keeps what was typed instead."""
        tz = zone(schedule.timezone)
        for name in ("timezone", "misfire", "overlap", "seed"):
            getattr(self, name).data = getattr(schedule, name)
        self.calendar.data = str(schedule.calendar_id or "")
        self.start.data, self.end.data = (_local(moment, tz) for moment in (schedule.starts_at, schedule.ends_at))
        self.jitter.data = str(schedule.rule.get("jitter") or "")
        self._fill_rule(schedule.rule, tz)

    def _fill_rule(self, rule: Mapping[str, Any], tz: Any) -> None:
        kind = {"daily": "times"}.get(rule["kind"], rule["kind"])
        self.when.data = kind
        for name, field in TYPED[kind].items():
            value = rule.get(name)
            if name == "between" and value:
                getattr(self, field).data, getattr(self, field.replace("_from", "_to")).data = value
            elif name == "nth" and value:
                self.monthly_by.data, self.monthly_nth.data, self.monthly_weekday.data = "nth", str(value[0]), value[1]
            elif value is not None:
                plain = isinstance(value, list) and name == "at"
                getattr(self, field).data = (
                    ", ".join(value) if plain else value if isinstance(value, list) else str(value)
                )
        if kind == "once":
            self.once_at.data = str(rule["at"])[:19]

    def _typed(self, field: str) -> str | None:
        name = field.removeprefix("rule.")
        if name in OF_THE_SCHEDULE:
            return OF_THE_SCHEDULE[name]
        if field in ("rule", "rule.kind"):
            return "when"
        return TYPED.get(self.when.data or "", {}).get(name) if field.startswith("rule.") else None

    def _jitter(self) -> dict[str, Any]:
        return {"jitter": self.jitter.data} if self.jitter.data else {}

    def _once(self) -> dict[str, Any]:
        return {"at": self.once_at.data}

    def _times(self) -> dict[str, Any]:
        return {"at": _listed(self.times_at.data), "days": self.times_days.data}

    def _random(self) -> dict[str, Any]:
        # No day ticked is a slip, and must not be read as the default.
        return {
            "between": _span(self.random_from, self.random_to),
            "days": self.random_days.data or " ",
            "per": self.random_per.data,
        }

    def _weekly(self) -> dict[str, Any]:
        return {"days": self.weekly_days.data, "at": _listed(self.weekly_at.data)}

    def _monthly(self) -> dict[str, Any]:
        by_day = self.monthly_by.data == "day"
        on = {"day": self.monthly_day.data} if by_day else {"nth": [self.monthly_nth.data, self.monthly_weekday.data]}
        return on | {"at": _listed(self.monthly_at.data)}

    def _interval(self) -> dict[str, Any]:
        between = _span(self.interval_from, self.interval_to)
        return {"every": self.interval_every.data, "between": between, "days": self.interval_days.data}

    def _cron(self) -> dict[str, Any]:
        return {"expr": self.cron_expr.data}

    def _freshness(self) -> dict[str, Any]:
        return {"every": self.freshness_every.data}


def _listed(typed: str | None) -> list[str]:
    return (typed or "").replace(",", " ").split()


def _span(first: Field, last: Field) -> list[str] | None:
    return [first.data or "", last.data or ""] if first.data or last.data else None


def _local(moment: datetime | None, tz: Any) -> str:
    return wall_time(moment, tz).isoformat(timespec="minutes") if moment else ""


class ScheduleForm(WhenForm):
    """A schedule of its own: what runs is a spec, as programs send it."""

    name = text(N_("Name"), placeholder=N_("After what it runs, unless you name it"))
    spec = TextAreaField(N_("What runs"), filters=[stripped], render_kw={"spellcheck": "false", "rows": 8})
    version = HiddenField()
    do = HiddenField()

    def offer(self, calendars: Sequence[Calendar], kinds: Iterable[str] = tuple(KINDS)[1:]) -> WhenForm:
        if self.when.data in (None, NOW):
            self.when.data = "times"
        return super().offer(calendars, kinds)

    @property
    def asked_for_preview(self) -> bool:
        return bool(self.do.data == "preview")

    @property
    def version_seen(self) -> int:
        return int(self.version.data) if (self.version.data or "").isdecimal() else 0

    def given(self) -> dict[str, Any]:
        return super().given() | {"name": self.name.data, "spec": self._spec()}

    def fill(self, schedule: Schedule) -> None:
        super().fill(schedule)
        self.name.data, self.version.data = schedule.name, str(schedule.version)
        spec = {name: part for name, part in (schedule.spec or {}).items() if part}
        self.spec.data = json.dumps(spec, indent=2, ensure_ascii=False)

    def _spec(self) -> Any:
        try:
            return json.loads(self.spec.data or "null")
        except ValueError:
            return self.spec.data

    def _typed(self, field: str) -> str | None:
        if field == "name":
            return "name"
        return "spec" if field.partition(".")[0] == "spec" else super()._typed(field)
