"""Schedules: when something runs, and what became of each due moment."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from webapp import clock
from webapp.access.guards import choose_organization, get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.calendars.zones import zone
from webapp.objects.values import FieldErrors
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, newest_first, oldest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import BATCH, answered
from webapp.rest.specs import ALSO, NEW_TASK
from webapp.rest.tasks import made
from webapp.rest.values import Flag, Json, Many, Moment, Named, OneOf, Shape, Text, Value, Whole
from webapp.schedules import draft, fields, lifecycle, policies, queries, starting
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.queries import Chosen
from webapp.schedules.rights import may_run
from webapp.schedules.states import REASONS, End, Status

section = Section(
    "schedules",
    "Schedules",
    "When something runs. Each due moment is a slot, which fires once and says what became of it.",
)

RULE = Named(
    about="`kind` is once, times (or daily), interval, weekly, monthly, random, cron or freshness; any takes `jitter`.",
    example={"kind": "times", "at": ["09:30"], "days": ["mon", "fri"]},
)
SPEC = Shape(name="Spec", fields={name: value for name, value in NEW_TASK.fields.items() if name != "organization"})
SAID: dict[str, Value] = {
    "name": Text(longest=200, about="Default: what it runs."),
    "rule": RULE,
    "timezone": Text(longest=64, about="An IANA name. Default: UTC.", example="Europe/Amsterdam"),
    "calendar": OneOf(of=(Text(longest=120), Whole()), null=True, about="Name or id of a calendar of days off."),
    "misfire": Text(choices=policies.MISFIRE, about="Of missed runs: none, the newest one, or all. Default: once."),
    "overlap": Text(choices=policies.OVERLAP, about="When the run before still goes on. Default: skip."),
    "start": Text(null=True, longest=40, about="Not before: a time, in the time zone unless it names its own."),
    "end": Text(null=True, longest=40, about="Not after; a date means all of it. Then it is completed."),
    "spec": Named(about="What runs: type, data, target and options, as of a task."),
}
NEW = Shape(name="NewSchedule", fields=SAID | {
    "rule": Named(required=True, about=RULE.about, example=RULE.example),
    "spec": Named(required=True, about=SAID["spec"].about),
    "seed": Text(longest=32, about="Of random times, from a preview: then they are those that it showed."),
    "organization": Text(about="Default: the token's own."),
})  # fmt: skip
EDIT = Shape(name="EditSchedule", about="What is left out stays as it is.", fields=SAID)
SCHEDULE = answered(
    "Schedule",
    id=Whole(),
    name=Text(),
    rule=RULE,
    timezone=Text(),
    calendar=Text(null=True, about="The calendar's name."),
    misfire=Text(choices=policies.MISFIRE),
    overlap=Text(choices=policies.OVERLAP),
    start=Moment(null=True),
    end=Moment(null=True),
    status=Text(choices=tuple(Status)),
    reason=Text(null=True, about="Why it is paused or broken."),
    resume_at=Moment(null=True),
    next_run_at=Moment(null=True),
    last_run_at=Moment(null=True),
    text=Text(about="The rule in words."),
    what=Text(),
    spec=Named(null=True),
    definition=Whole(null=True),
    group=Whole(null=True),
    version=Whole(),
    organization=Text(),
    created_at=Moment(),
    created_by=Text(),
)
SLOT = answered(
    "Slot",
    id=Whole(),
    at=Moment(),
    end=Text(choices=tuple(End)),
    reason=Text(choices=tuple(REASONS), null=True),
    text=Text(null=True, about="The reason in words."),
    count=Whole(about="Above 1 it stands for all from `at` to `until` that ended alike."),
    until=Moment(null=True),
    agent_id=Text(format="uuid", null=True, about="Where each agent has a time of its own."),
    batch_id=Text(format="uuid", null=True),
)
FILTERS: dict[str, Value] = {
    "q": Text(about="Words of its name, of what it runs, or of when."),
    "status": Many(of=Text(choices=tuple(Status))),
    "type": Many(of=Text()),
    "calendar": Many(of=Text(), about="Ids."),
    "owner": Many(of=Text(), about="Who made them."),
    "plugin": Many(of=Text(), about="Ids of what they run."),
    "missed": Flag(about="Those that missed a run in the last 24 hours."),
}
ENDS: dict[str, Value] = {"end": Many(of=Text(choices=tuple(End)))}
PAUSE = Shape(name="Pause", fields={
    "reason": Text(longest=500),
    "resume_at": Text(longest=40, about="It goes on by itself then."),
})  # fmt: skip
LEFT: dict[str, Value] = {
    "open_tasks": Text(
        choices=("queued", "all", "none"), default="queued", about="Which of its open tasks are cancelled."
    )
}


@section.get("/schedules/", needs=(P.SCHEDULES_READ,), query=FILTERS | PAGE, answer=list_of(SCHEDULE))
def index() -> Answer:
    """List schedules."""
    wanted = asked()
    lists: dict[str, Any] = {name: tuple(wanted.get(name, ())) for name in FILTERS if name not in ("q", "missed")}
    since = clock.now() - queries.LATELY if wanted.get("missed") else None
    chosen = Chosen(q=wanted.get("q", ""), missed_since=since, **lists)
    return oldest_first(queries.matching(chosen), Schedule.id, form)


@section.post("/schedules/", needs=(P.SCHEDULES_WRITE,), body=NEW, answer=SCHEDULE, status=201,
              also=f"endpoints:tasks:create, or {ALSO}")  # fmt: skip
def create() -> Answer:
    """Make a schedule."""
    given = body()
    organization_id = choose_organization(given.pop("organization", None), P.SCHEDULES_WRITE)
    wanted = draft.read(given, clock.now())
    may_run(wanted.aim.type, organization_id)
    schedule = lifecycle.create(wanted, principal.actor, clock.now())
    return Answer(form(schedule), headers={"Location": f"/api/v1/schedules/{schedule.id}/"})


@section.get("/schedules/<int:schedule_id>/", needs=(P.SCHEDULES_READ,), answer=SCHEDULE)
def show(schedule_id: int) -> Json:
    """Fetch a schedule."""
    return form(_found(schedule_id))


@section.put("/schedules/<int:schedule_id>/", needs=(P.SCHEDULES_WRITE,), body=EDIT, answer=SCHEDULE,
             also=f"endpoints:tasks:create, or {ALSO}")  # fmt: skip
def edit(schedule_id: int) -> Json:
    """Change a schedule. Its times count anew from now."""
    schedule, given, now = _locked(schedule_id), body(), clock.now()
    etags.check(form(schedule))
    wanted = draft.read(_as_sent(schedule) | given, now, schedule, draft.aim_of(schedule))
    may_run(wanted.aim.type, schedule.organization_id)
    lifecycle.edit(schedule, wanted, schedule.version, principal.actor, now)
    return form(schedule)


@section.delete("/schedules/<int:schedule_id>/", needs=(P.SCHEDULES_DELETE,), query=LEFT)
def delete(schedule_id: int) -> None:
    """Delete a schedule. Its tasks stay; those that wait are cancelled unless `open_tasks` says otherwise."""
    schedule = _locked(schedule_id)
    etags.check(form(schedule))
    lifecycle.delete(schedule, principal.actor, clock.now(), asked()["open_tasks"])


@section.post("/schedules/<int:schedule_id>/pause", needs=(P.SCHEDULES_WRITE,), body=PAUSE, answer=SCHEDULE)
def pause(schedule_id: int) -> Json:
    """Pause a schedule. It keeps what it is and starts nothing."""
    schedule, given = _found(schedule_id), body()
    resume_at = _moment(schedule, given.get("resume_at"))
    lifecycle.pause(schedule, principal.actor, clock.now(), given.get("reason", ""), resume_at)
    return form(schedule)


@section.post("/schedules/<int:schedule_id>/resume", needs=(P.SCHEDULES_WRITE,), answer=SCHEDULE)
def resume(schedule_id: int) -> Json:
    """Resume a paused schedule, or one with an error whose cause is gone."""
    schedule = _found(schedule_id)
    lifecycle.resume(schedule, principal.actor, clock.now())
    return form(schedule)


@section.post("/schedules/<int:schedule_id>/run", needs=(P.SCHEDULES_WRITE, P.TASKS_CREATE), answer=BATCH, status=201)
def run(schedule_id: int) -> Answer:
    """Run it now. Its next run stays where it is."""
    return made(lifecycle.run_now(_found(schedule_id), principal.actor, clock.now(), starting.of_app()))


@section.get("/schedules/<int:schedule_id>/slots/", needs=(P.SCHEDULES_READ,), query=ENDS | PAGE, answer=list_of(SLOT))
def slots(schedule_id: int) -> Answer:
    """List what became of its due moments, the latest to be settled first."""
    rows = sa.select(Slot).where(Slot.schedule_id == _found(schedule_id).id)
    if ends := asked().get("end"):
        rows = rows.where(Slot.end.in_(ends))
    return newest_first(rows, Slot.id, _slot)


@section.post("/slots/<int:slot_id>/run", needs=(P.SCHEDULES_WRITE, P.TASKS_CREATE),
              answer=BATCH, status=201)  # fmt: skip
def run_missed(slot_id: int) -> Answer:
    """Make up for a missed run."""
    slot = get_or_404(Slot, id=slot_id)
    return made(lifecycle.run_missed(_found(slot.schedule_id), slot, principal.actor, clock.now(), starting.of_app()))


def form(schedule: Schedule) -> Json:
    return {
        "id": schedule.id,
        "name": schedule.name,
        "rule": schedule.rule,
        "timezone": schedule.timezone,
        "calendar": schedule.calendar.name if schedule.calendar else None,
        "misfire": schedule.misfire,
        "overlap": schedule.overlap,
        "start": clock.iso(schedule.starts_at),
        "end": clock.iso(schedule.ends_at),
        "status": schedule.status,
        "reason": schedule.reason or None,
        "resume_at": clock.iso(schedule.resume_at),
        "next_run_at": clock.iso(schedule.next_run_at),
        "last_run_at": clock.iso(schedule.last_run_at),
        "text": schedule.text,
        "what": schedule.what,
        "spec": schedule.spec,
        "definition": schedule.definition_id,
        "group": schedule.group_id,
        "version": schedule.version,
        "organization": shapes.organization(schedule.organization_id),
        "created_at": clock.iso(schedule.created_at),
        "created_by": schedule.created_by,
    }


def _slot(slot: Slot) -> Json:
    batches = queries.batches([slot])
    return {
        "id": slot.id,
        "at": clock.iso(slot.at),
        "end": slot.end,
        "reason": slot.reason,
        "text": slot.text or slot.why or None,
        "count": slot.count,
        "until": clock.iso(slot.until),
        "agent_id": slot.agent or None,
        "batch_id": batches[slot.batch_id].uuid if slot.batch_id in batches else None,
    }


def _as_sent(schedule: Schedule) -> Json:
    """What an edit leaves out."""
    same = {
        name: getattr(schedule, name) for name in ("name", "rule", "timezone", "misfire", "overlap", "spec", "seed")
    }
    return same | {"calendar": schedule.calendar_id, "start": schedule.starts_at, "end": schedule.ends_at}


def _found(schedule_id: int) -> Schedule:
    return get_or_404(Schedule, id=schedule_id, deleted_at=None)


def _locked(schedule_id: int) -> Schedule:
    schedule = _found(schedule_id)
    lifecycle.lock(schedule)
    return schedule


def _moment(schedule: Schedule, text: Any) -> Any:
    try:
        return fields.moment(text, zone(schedule.timezone)).at if text else None
    except ValueError as wrong:
        raise FieldErrors([{"field": "resume_at", "message": str(wrong)}]) from None
