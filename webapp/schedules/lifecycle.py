"""The verbs on schedules. Each locks its row, so that it and a scheduler at the same slot come one after the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from webapp import events
from webapp.access import audit
from webapp.db import db, writing
from webapp.events import SYSTEM, Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.schedules import engine, plans, runs, slots, starting
from webapp.schedules.draft import Draft
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule, Slot
from webapp.schedules.starting import STARTERS, Run, Starters
from webapp.schedules.states import BROKEN, CHANGED, ENDED, LOOKS, MOVES, PAUSED, RUN_NOW, End, Status
from webapp.tasks import states
from webapp.tasks.models import Batch
from webapp.tasks.spec import SpecError
from webapp.tasks.states import Trigger

# What becomes of a schedule's open tasks when it goes.
Open = Literal["queued", "all", "none"]


# --- people -----------------------------------------------------------------------------------------------------


def create(draft: Draft, by: Actor, now: datetime) -> Schedule:
    schedule = Schedule(
        organization_id=writing(), status=Status.ACTIVE, last_slot_at=now, created_at=now, created_by=by.name,
        created_by_id=by.id, updated_at=now, updated_by=by.name,
    )  # fmt: skip
    _apply(draft, schedule)
    db.session.add(schedule)
    db.session.flush()
    db.session.refresh(schedule)
    plans.reckon(schedule, now, now)
    _record("create", schedule, by, now, after=facts(schedule))
    return schedule


def edit(schedule: Schedule, draft: Draft, version: int, by: Actor, now: datetime) -> None:
    """`version` is the one that the editor saw. What was due by the old rule is told as missed, not lost."""
    lock(schedule)
    if schedule.version != version:
        raise Refused(
            "stale",
            _(
                "%(updated_by)s changed this schedule meanwhile. Review the changes, then save again",
                updated_by=schedule.updated_by,
            ),
        )
    before = facts(schedule)
    _close(schedule, now, End.MISSED, CHANGED, now)
    _apply(draft, schedule)
    schedule.version += 1
    schedule.updated_at, schedule.updated_by = now, by.name
    db.session.flush()
    db.session.refresh(schedule)
    if not schedule.paused:
        _move(schedule, Status.ACTIVE)
        plans.reckon(schedule, schedule.last_slot_at, now)
        complete_at_end(schedule, now)
    else:
        _sleep(schedule, now)
    _record("edit", schedule, by, now, before, facts(schedule))


def pause(schedule: Schedule, by: Actor, now: datetime, reason: str = "", resume_at: datetime | None = None) -> None:
    """It keeps its configuration and starts nothing; what runs goes on."""
    lock(schedule)
    if schedule.paused and (reason, resume_at) == (schedule.reason, schedule.resume_at):
        return
    if resume_at and resume_at <= now:
        raise Refused("passed", _("That time has passed. Choose a later one, or leave it empty"))
    if not schedule.paused:
        _close(schedule, now, End.MISSED, CHANGED, now)
        _move(schedule, Status.PAUSED)
        schedule.paused_at, schedule.paused_by = now, by.name
        runs.drop_waiting(schedule, PAUSED, now)
    schedule.reason, schedule.resume_at = reason[:500], resume_at
    _sleep(schedule, now)
    until = {"reason": reason, "resume_at": resume_at.isoformat() if resume_at else None}
    _record("pause", schedule, by, now, after=until, text=reason)


def resume(schedule: Schedule, by: Actor, now: datetime) -> None:
    """Also the way out of an error, once its cause is gone. What was due in the pause is told as skipped."""
    lock(schedule)
    if schedule.active:
        return
    if not schedule.resumable:
        raise Refused(
            "ended", _("This schedule is %(label)s. Give it a later end or another rule", label=_(schedule.looks.label))
        )
    try:
        _wake(schedule, now)
    except RuleError as error:
        raise Refused("broken", _("It still has no next run. %(errors)s", errors=error.errors[0]["message"])) from error
    _record("resume", schedule, by, now)


def run_now(schedule: Schedule, by: Actor, now: datetime, starters: Starters = STARTERS) -> Batch:
    """At once, whatever its rule says; its next slot stays where it is."""
    lock(schedule)
    if schedule.deleted_at:
        raise Refused("deleted", _("This schedule was deleted"))
    # Slots of a rule are whole seconds, so this one can be none of them.
    at = now if now.microsecond else now.replace(microsecond=1)
    slot_id = slots.insert(schedule, at, End.WAITING, now, reason=RUN_NOW, text=f"Started by {by.name}")
    if slot_id is None:
        raise Refused("twice", _("It was started at this very moment"))
    started = _started(schedule, Run(by, now, Trigger.MANUAL, slot_id), starters)
    slots.settle_started(slot_id, started, now)
    schedule.last_run_at = now
    _record("run", schedule, by, now, text=f"{started.batch.total or ''} tasks".strip())
    return started.batch


def run_missed(schedule: Schedule, slot: Slot, by: Actor, now: datetime, starters: Starters = STARTERS) -> Batch:
    """Makes up for a missed run. The slot stays missed, and says which batch stands for it."""
    lock(schedule)
    db.session.refresh(slot, with_for_update=True)
    if not slot.startable:
        raise Refused(
            "settled", _("This run was made up for already") if slot.missed else _("This slot was not missed")
        )
    agent = slot.agent
    started = _started(schedule, Run(by, now, Trigger.MANUAL, slot.id, agent), starters)
    slot.batch_id, slot.waiting = started.batch.id, None
    schedule.last_run_at = now
    _record("run_missed", schedule, by, now, text=slot.at.isoformat())
    return started.batch


def delete(schedule: Schedule, by: Actor, now: datetime, open_tasks: Open = "queued") -> int:
    """Hidden, since its history names it. Queued tasks are cancelled and running ones go on, unless asked otherwise."""
    lock(schedule)
    if schedule.deleted_at:
        raise Refused("deleted", _("This schedule was deleted already"))
    _close(schedule, now, End.MISSED, CHANGED, now)
    runs.drop_waiting(schedule, ENDED, now)
    which = {"queued": states.WAITING, "all": states.OPEN, "none": frozenset()}[open_tasks]
    cancelled = runs.cancel(schedule, by, now, which) if which else 0
    schedule.deleted_at = now
    schedule.due_at = schedule.next_run_at = None
    _record("delete", schedule, by, now, facts(schedule), text=f"{cancelled} open tasks cancelled" if cancelled else "")
    return cancelled


# --- the scheduler ----------------------------------------------------------------------------------------------


def end_of_pause(schedule: Schedule, now: datetime) -> None:
    """The time to go on has come, or its end has come first."""
    if (
        schedule.ends_at
        and schedule.ends_at <= now
        and not (schedule.resume_at and schedule.resume_at < schedule.ends_at)
    ):
        _close(schedule, now, End.SKIPPED, PAUSED, now)
        _complete(schedule, now)
    elif schedule.resume_at and schedule.resume_at <= now:
        _wake(schedule, now)
        _record("resume", schedule, SYSTEM, now, text="The pause is over")
    else:
        _sleep(schedule, now)


def complete_at_end(schedule: Schedule, now: datetime) -> None:
    """Nothing comes any more: it is over, and with it what its end found unstarted."""
    if schedule.due_at is None or (schedule.next_run_at is None and schedule.ends_at and schedule.ends_at <= now):
        _complete(schedule, now)


def fail(schedule: Schedule, error: Exception, now: datetime) -> None:
    """It cannot be worked with; it starts nothing until somebody mends it."""
    text = error.errors[0]["message"] if isinstance(error, RuleError) else f"{type(error).__name__}: {error}"
    schedule.status, schedule.reason = Status.ERROR, text[:500]
    schedule.due_at = schedule.next_run_at = None
    _tell("error", schedule, SYSTEM, now, after=Status.ERROR, text=text[:500])
    db.session.flush()


def reckon(schedule: Schedule, now: datetime) -> None:
    """Its calendar has changed."""
    try:
        plans.reckon(schedule, schedule.last_slot_at, now)
    except RuleError as error:
        fail(schedule, error, now)


def tell_missed(schedule: Schedule, count: int, reason: str, now: datetime, text: str = "") -> None:
    _tell("missed", schedule, SYSTEM, now, reason=reason, text=text[:500], data={"count": count})


# --- helpers ----------------------------------------------------------------------------------------------------


def lock(schedule: Schedule) -> None:
    """From here on it is as it is stored, and nobody else changes it."""
    db.session.refresh(schedule, with_for_update=True)


def facts(schedule: Schedule) -> dict[str, Any]:
    """What the audit log compares."""
    names = ("name", "spec", "definition_id", "group_id", "rule", "timezone", "calendar_id", "misfire", "overlap")
    moments = {
        name: moment.isoformat() if (moment := getattr(schedule, name)) else None for name in ("starts_at", "ends_at")
    }
    return {name: getattr(schedule, name) for name in names} | moments


def _apply(draft: Draft, schedule: Schedule) -> None:
    for name, value in draft.columns().items():
        setattr(schedule, name, value)


def _move(schedule: Schedule, to: Status) -> None:
    if to == schedule.state:
        return
    if to not in MOVES[schedule.state]:
        raise Refused(
            "illegal",
            _(
                "This schedule is %(label)s and cannot become %(label2)s",
                label=_(schedule.looks.label),
                label2=_(LOOKS[to].label),
            ),
        )
    schedule.status, schedule.reason = to, ""
    schedule.paused_at, schedule.paused_by, schedule.resume_at = None, "", None


def _wake(schedule: Schedule, now: datetime) -> None:
    """Between the last slot and the pause nobody was there; after it nothing was to run."""
    if schedule.paused_at:
        _close(schedule, schedule.paused_at, End.MISSED, "late", now)
        _close(schedule, now, End.SKIPPED, PAUSED, now)
    else:
        _close(schedule, now, End.MISSED, BROKEN, now)
    _move(schedule, Status.ACTIVE)
    plans.reckon(schedule, schedule.last_slot_at, now)
    complete_at_end(schedule, now)


def _sleep(schedule: Schedule, now: datetime) -> None:
    schedule.next_run_at = None
    schedule.due_at = min(filter(None, (schedule.resume_at, schedule.ends_at)), default=None)
    if schedule.resume_at and not schedule.broken:
        plan = plans.plan_of(schedule)
        following = engine.next_run(plan, schedule.resume_at)
        schedule.next_run_at = following.at if following else None


def _close(schedule: Schedule, until: datetime, end: End, reason: str, now: datetime) -> None:
    """All slots up to a moment are settled: those that nobody settled end like this."""
    if until <= schedule.last_slot_at:
        return
    if schedule.status != Status.COMPLETED:
        try:
            plan = plans.plan_of(schedule)
        except RuleError:
            plan = None  # what cannot be read had no slots
        if plan and slots.close(schedule, plan, until, end, reason, now) and end == End.MISSED:
            tell_missed(schedule, 1, reason, now)
    schedule.last_slot_at = until


def _complete(schedule: Schedule, now: datetime) -> None:
    _move(schedule, Status.COMPLETED)
    schedule.due_at = schedule.next_run_at = None
    runs.drop_waiting(schedule, ENDED, now)
    expired = runs.expire(schedule, SYSTEM, now) if schedule.ends_at and schedule.ends_at <= now else 0
    _tell(
        "completed",
        schedule,
        SYSTEM,
        now,
        after=Status.COMPLETED,
        text=f"{expired} tasks had not started" if expired else "",
    )


def _started(schedule: Schedule, run: Run, starters: Starters) -> starting.Started:
    try:
        return starting.start(schedule, run, starters)
    except SpecError as error:
        raise Refused("refused", ". ".join(each["message"] for each in error.errors)) from error


def _record(
    verb: str, schedule: Schedule, by: Actor, now: datetime, before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None, text: str = "",
) -> None:  # fmt: skip
    if by != SYSTEM:
        audit.record(schedule.organization_id, f"schedule.{verb}", f"schedule {schedule.name}", by, now, before, after)
    past = {"create": "created", "edit": "edited", "pause": "paused", "resume": "resumed", "run": "run",
            "run_missed": "run", "delete": "deleted"}[verb]  # fmt: skip
    _tell(past, schedule, by, now, text=text)


def _tell(what: str, schedule: Schedule, by: Actor, now: datetime, **told: Any) -> None:
    events.record(schedule.organization_id, f"schedule.{what}", "schedule", schedule.id, by, now, **told)
