"""What will run: of a rule that nobody has saved yet, and of all schedules together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from webapp import clock
from webapp.access.guards import choose_organization
from webapp.access.permissions import Permission as P
from webapp.calendars import queries as calendars
from webapp.calendars.days import DaysOff
from webapp.calendars.zones import UnknownZone, zone
from webapp.objects.values import FieldErrors
from webapp.rest.reading import asked, body
from webapp.rest.schedules import RULE, SAID
from webapp.rest.section import Section
from webapp.rest.shapes import answered
from webapp.rest.values import Json, Many, Moment, Named, Shape, Text, Value, Whole
from webapp.schedules import coming, draft, engine, fields, plans, preview
from webapp.schedules.fields import RuleError

section = Section("upcoming", "Upcoming runs", "What will run, and when.")

QUESTION = Shape(name="Question", fields={
    "rule": Named(required=True, about=RULE.about, example=RULE.example),
    **{name: SAID[name] for name in ("timezone", "calendar", "start", "end")},
    "from": Text(longest=40, about="After this time. Default: now."),
    "count": Whole(low=1, high=preview.MOST, default=5, about="How many."),
    "seed": Text(longest=32, about="Of random times: the same seed gives the same times."),
    "organization": Text(about="Whose calendar. Default: the token's own."),
})  # fmt: skip
MOMENT = answered(
    "PreviewedSlot",
    at=Moment(about="When it really runs."),
    local=Moment(about="The same on the clock of the time zone."),
    note=Text(null=True, choices=("gap", "repeated", "holiday")),
    skipped=Text(null=True, about="Why it does not run."),
    moved_from=Text(null=True, format="date", about="The day off that it makes up for."),
    remark=Text(null=True, about="The note in words."),
)
PREVIEW = answered("Preview", text=Text(about="The rule in words."), slots=Many(of=MOMENT), seed=Text())
RUN = answered("UpcomingRun", at=Moment(), schedule_id=Whole(), name=Text(), what=Text())
RUNS = answered("UpcomingRuns", items=Many(of=RUN))
SPAN: dict[str, Value] = {
    "hours": Whole(low=1, high=168, default=24, about="How far ahead."),
    "limit": Whole(low=1, high=500, default=100),
}


@section.post("/schedules/preview", needs=(P.SCHEDULES_READ,), reading=True, body=QUESTION, answer=PREVIEW)
def show_preview() -> Json:
    """Tell what a rule means and when it would run. Nothing is saved."""
    given, now = body(), clock.now()
    seed = given.get("seed") or draft.new_seed()
    try:
        begin = _from(given, now)
        plan = preview.plan_of(given | {"seed": seed}, _days_off(given), begin if "from" in given else now)
    except RuleError as wrong:
        raise FieldErrors(draft.at_rule(wrong.errors)) from None
    return engine.preview(plan, begin, given["count"]) | {"seed": seed}


@section.get("/schedules/upcoming", needs=(P.SCHEDULES_READ,), query=SPAN, answer=RUNS)
def upcoming() -> Json:
    """List what runs next, whatever the schedule."""
    now, wanted = clock.now(), asked()
    rows = coming.upcoming(now, timedelta(hours=wanted["hours"]), wanted["limit"], each=wanted["limit"])
    runs = sorted(((at, row.schedule) for row in rows for at in row.at), key=lambda pair: (pair[0], pair[1].id))
    forms = [
        {"at": clock.iso(at), "schedule_id": schedule.id, "name": schedule.name, "what": schedule.what}
        for at, schedule in runs[: wanted["limit"]]
    ]
    return {"items": forms}


def _from(given: Json, now: datetime) -> datetime:
    if "from" not in given:
        return now
    try:
        return fields.moment(given["from"], zone(given.get("timezone") or "UTC")).at
    except UnknownZone as wrong:
        raise FieldErrors([{"field": "timezone", "message": str(wrong)}]) from None
    except ValueError as wrong:
        raise FieldErrors([{"field": "from", "message": str(wrong)}]) from None


def _days_off(given: Json) -> DaysOff | None:
    said: Any = given.get("calendar")
    if said in (None, ""):
        return None
    found = calendars.find(said, choose_organization(given.get("organization"), P.SCHEDULES_READ))
    if found is None:
        raise FieldErrors([{"field": "calendar", "message": f'There is no calendar "{said}"'}])
    return plans.days_off(found)
