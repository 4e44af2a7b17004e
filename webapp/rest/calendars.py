"""Calendars: dates on which things do not run."""

from __future__ import annotations

from datetime import date
from typing import Any

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.calendars import days, holidays, ics, lifecycle, queries
from webapp.calendars.days import POLICIES, Day
from webapp.calendars.lifecycle import Draft
from webapp.calendars.models import Calendar
from webapp.db import db
from webapp.objects.values import FieldErrors
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, oldest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Many, Moment, Shape, Text, Value, Whole
from webapp.schedules import queries as schedules

section = Section("calendars", "Calendars", "Days off: public holidays, own dates, or an import.")

DAY = Shape(name="Day", fields={
    "date": Text(required=True, format="date", longest=10),
    "name": Text(longest=200, shortest=0),
})  # fmt: skip
WEEKEND = Many(of=Whole(high=6), most=6, about="Days that are no working days anyway; Monday is 0.")
SAID: dict[str, Value] = {
    "name": Text(longest=120),
    "policy": Text(choices=POLICIES, about="Of a run on a day off."),
    "weekend": WEEKEND,
}
NEW = Shape(name="NewCalendar", fields=SAID | {
    "name": Text(required=True, longest=120),
    "days": Many(of=DAY, most=days.MAX_DATES),
    "country": Text(longest=2, about="Begins with its public holidays; GB, NL …"),
    "subdivision": Text(longest=10, about="A part of the country."),
    "years": Many(of=Whole(low=1970, high=2100), most=50, about="Of the holidays. Default: this one and the next five."),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
EDIT = Shape(name="EditCalendar", about="What is left out stays as it is.", fields=SAID)
ADD = Shape(name="AddDays", about="One of these, or several.", fields={
    "days": Many(of=DAY, most=days.MAX_DATES),
    "text": Text(longest=1_000_000, about="Lines such as `2026-12-24..2026-12-31 Closed`."),
    "ics": Text(longest=ics.MAX_BYTES, about="An iCalendar file."),
    "country": Text(longest=2),
    "subdivision": Text(longest=10),
    "years": Many(of=Whole(low=1970, high=2100), most=50),
})  # fmt: skip
REMOVE = Shape(name="RemoveDays", fields={"dates": Many(of=Text(format="date", longest=10), least=1, required=True)})
CALENDAR = answered(
    "Calendar",
    id=Whole(),
    name=Text(),
    policy=Text(choices=POLICIES),
    weekend=WEEKEND,
    version=Whole(),
    organization=Text(),
    created_at=Moment(),
    updated_at=Moment(),
)
WITH_DAYS = answered(
    "CalendarWithDays",
    **CALENDAR.fields,
    days=Many(of=answered("ListedDay", date=Text(format="date"), name=Text(), source=Text())),
)
FILTERS: dict[str, Value] = {"q": Text(about="A part of the name.")}
CHANGED = answered("ChangedDays", count=Whole(about="How many dates are new, or gone."), version=Whole())


@section.get("/calendars/", needs=(P.CALENDARS_READ,), query=FILTERS | PAGE, answer=list_of(CALENDAR))
def index() -> Answer:
    """List the calendars, without their dates."""
    return oldest_first(queries.matching(asked().get("q", "")), Calendar.id, _form)


@section.post("/calendars/", needs=(P.CALENDARS_WRITE,), body=NEW, answer=WITH_DAYS, status=201)
def create() -> Answer:
    """Make a calendar, empty or with its first dates."""
    given, now = body(), clock.now()
    organization_id = choose_organization(given.get("organization"), P.CALENDARS_WRITE)
    _check_name(given["name"], organization_id)
    found = _dates(given)
    draft = Draft(given["name"], given.get("policy", days.SKIP), given.get("weekend", [days.SATURDAY, days.SUNDAY]))
    calendar = lifecycle.create(draft, principal.actor, now)
    for source, listed in found:
        lifecycle.add(calendar, listed, source, principal.actor, now)
    return Answer(_with_days(calendar), headers={"Location": f"/api/v1/calendars/{calendar.id}/"})


@section.get("/calendars/<int:calendar_id>/", needs=(P.CALENDARS_READ,), answer=WITH_DAYS)
def show(calendar_id: int) -> Json:
    """Fetch a calendar with its dates."""
    return _with_days(_found(calendar_id))


@section.put("/calendars/<int:calendar_id>/", needs=(P.CALENDARS_WRITE,), body=EDIT, answer=WITH_DAYS)
def edit(calendar_id: int) -> Json:
    """Change a calendar. Schedules that follow it reckon anew."""
    calendar, given = _found(calendar_id, lock=True), body()
    etags.check(_with_days(calendar))
    if given.get("name", calendar.name) != calendar.name:
        _check_name(given["name"], calendar.organization_id)
    same: Json = {"name": calendar.name, "policy": calendar.policy, "weekend": calendar.weekend}
    lifecycle.edit(calendar, Draft(**same | given), calendar.version, principal.actor, clock.now())
    return _with_days(calendar)


@section.delete("/calendars/<int:calendar_id>/", needs=(P.CALENDARS_WRITE,))
def delete(calendar_id: int) -> None:
    """Delete a calendar that no schedule follows."""
    calendar = _found(calendar_id, lock=True)
    followed_by = [schedule.name for schedule in schedules.following(calendar.id)]
    lifecycle.delete(calendar, followed_by, principal.actor, clock.now())


@section.post("/calendars/<int:calendar_id>/days/", needs=(P.CALENDARS_WRITE,), body=ADD, answer=CHANGED)
def add(calendar_id: int) -> Json:
    """Add dates. Nothing is taken of what cannot be read as a whole."""
    calendar, found = _found(calendar_id), _dates(body())
    if not found:
        raise FieldErrors([{"field": "days", "message": "Send days, text, ics or a country"}])
    new = sum(lifecycle.add(calendar, listed, source, principal.actor, clock.now()) for source, listed in found)
    return {"count": new, "version": calendar.version}


@section.post("/calendars/<int:calendar_id>/days/remove", needs=(P.CALENDARS_WRITE,), body=REMOVE, answer=CHANGED)
def remove(calendar_id: int) -> Json:
    """Remove dates."""
    calendar = _found(calendar_id)
    gone = [_date(text, f"dates.{number}") for number, text in enumerate(body()["dates"])]
    count = lifecycle.remove(calendar, gone, principal.actor, clock.now())
    return {"count": count, "version": calendar.version}


def _found(calendar_id: int, *, lock: bool = False) -> Calendar:
    calendar = get_or_404(Calendar, id=calendar_id, deleted_at=None)
    if lock:
        db.session.refresh(calendar, with_for_update=True)
    return calendar


def _form(calendar: Calendar) -> Json:
    return {
        "id": calendar.id,
        "name": calendar.name,
        "policy": calendar.policy,
        "weekend": calendar.weekend,
        "version": calendar.version,
        "organization": shapes.organization(calendar.organization_id),
        "created_at": clock.iso(calendar.created_at),
        "updated_at": clock.iso(calendar.updated_at),
    }


def _with_days(calendar: Calendar) -> Json:
    rows = queries.days(calendar)
    return _form(calendar) | {
        "days": [{"date": row.date.isoformat(), "name": row.name, "source": row.source} for row in rows]
    }


def _check_name(name: str, organization_id: int) -> None:
    if queries.find(name, organization_id):
        text = f'There is a calendar "{name}" already. Choose another name'
        raise FieldErrors([{"field": "name", "message": text}])


def _dates(given: Json) -> list[tuple[str, list[Day]]]:
    """Each source with its dates."""
    found: list[tuple[str, list[Day]]] = []
    if given.get("days"):
        own = [
            Day(_date(day["date"], f"days.{number}.date"), day.get("name", ""))
            for number, day in enumerate(given["days"])
        ]
        found.append((lifecycle.OWN, own))
    try:
        if given.get("text"):
            found.append((lifecycle.OWN, days.read_list(given["text"])))
        if given.get("ics"):
            found.append(("Import", ics.read(given["ics"].encode(), *_horizon())))
        if given.get("country"):
            snapshot = holidays.snapshot(given["country"], given.get("years") or _years(), given.get("subdivision"))
            found.append((f"{snapshot.source} ({snapshot.version})", snapshot.days))
    except days.ListError as wrong:
        raise FieldErrors(
            [{"field": "text", "message": f"Line {e['line']}: {e['message']}"} for e in wrong.errors]
        ) from None
    except ics.IcsError as wrong:
        raise FieldErrors([{"field": "ics", "message": str(wrong)}]) from None
    except ValueError as wrong:
        raise FieldErrors([{"field": "country", "message": str(wrong)}]) from None
    return found


def _date(text: Any, field: str) -> date:
    try:
        return days.read_date(text)
    except ValueError as wrong:
        raise FieldErrors([{"field": field, "message": str(wrong)}]) from None


def _years() -> range:
    this = clock.now().year
    return range(this, this + 6)


def _horizon() -> tuple[date, date]:
    this = clock.now().year
    return date(this - 1, 1, 1), date(this + 10, 12, 31)
