"""What the scheduler does: settle each due slot once, start what is to run, look ahead.

Several may tick at once: a row is locked by one of them, and where a database has no such locks the slot's unique
key decides. Slot, tasks and the next look are written in one transaction; each schedule has a savepoint of its own,
so that a broken one stops no other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from webapp.agents.models import Agent
from webapp.crash import crash_here
from webapp.db import db, within
from webapp.errors import DATABASE_AWAY
from webapp.refusal import Refused
from webapp.schedules import (
    each_agent,
    engine,
    freshness,
    judge,
    lifecycle,
    plans,
    policies,
    runs,
    slots,
    starting,
    together,
)
from webapp.schedules.engine import Due
from webapp.schedules.fields import RuleError
from webapp.schedules.models import Schedule
from webapp.schedules.plan import Plan, Slot
from webapp.schedules.policies import FIRE, MISSED, PUNCTUAL, Verdict
from webapp.schedules.starting import STARTERS, Run, Starters
from webapp.schedules.states import NO_TARGETS, OFFLINE, REFUSED, REPLACED, End
from webapp.schedules.together import Found
from webapp.tasks.spec import SpecError

BITE = 500
SLOTS = 50  # after so many the rest of a bite waits for the next transaction: a killed scheduler loses little
LOOK_AGAIN = timedelta(seconds=1)  # at a slot that waits for the run before

log = structlog.get_logger("schedules")


def tick(now: datetime, starters: Starters = STARTERS, most: int = BITE) -> int:
    """One bite of what is due, the longest due first. Answers how many schedules were found, so that a full bite asks
    for another. After an outage a schedule may bring a hundred slots: then a bite ends early, and others take the rest."""
    due = sa.select(*together.COLUMNS).where(Schedule.due_at <= now).order_by(Schedule.due_at).limit(most)
    found = [Found._make(row) for row in db.session.execute(due.with_for_update(skip_locked=True))]
    left = together.start(found, now, starters)
    settled = 0
    for schedule in together.load(left[:SLOTS]):
        settled += _alone(schedule, now, starters)
        if settled >= SLOTS:
            return most
    return most if len(left) > SLOTS else len(found)


def _alone(schedule: Schedule, now: datetime, starters: Starters) -> int:
    with within(schedule.organization_id):
        try:
            with db.session.begin_nested():
                return settle(schedule, now, starters)
        except DATABASE_AWAY:
            raise
        except RuleError as error:
            lifecycle.fail(schedule, error, now)
        except Exception as error:
            log.exception("a schedule is broken", schedule=schedule.id)
            lifecycle.fail(schedule, error, now)
    return 1


def settle(schedule: Schedule, now: datetime, starters: Starters) -> int:
    """How many slots that were."""
    if schedule.paused:
        lifecycle.end_of_pause(schedule, now)
        return 1
    plan = plans.plan_of(schedule)
    if plan.kind == plans.FRESHNESS:
        count = freshness.look(schedule, plan, now)
    elif plan.per_agent:
        count = _settle_agents(schedule, plan, now, starters)
    else:
        count = _settle_moments(schedule, plan, now, starters)
    lifecycle.complete_at_end(schedule, now)
    return count


def _settle_moments(schedule: Schedule, plan: Plan, now: datetime, starters: Starters) -> int:
    due, following = judge.due(schedule, plan, now)
    verdicts = judge.judged(schedule, due, now)
    if due.earlier:
        slots.fold(schedule, due.earlier, End.MISSED, _reason_of_many(schedule, due.earlier, verdicts, now), now)
    for verdict in verdicts:
        _carry_out(schedule, plan, verdict, now, starters)
    _tell_missed(schedule, verdicts, due.earlier.total if due.earlier else 0, now)
    if due.slots:
        schedule.last_slot_at = due.slots[-1].at
    plans.look_ahead(schedule, plan, following)
    return len(verdicts)


def _settle_agents(schedule: Schedule, plan: Plan, now: datetime, starters: Starters) -> int:
    told: list[Verdict] = []
    for turn in each_agent.due(schedule, plan, now):
        own = plan.for_agent(turn.agent.uuid)
        for verdict in judge.judged(schedule, Due(turn.slots, None), now):
            absent = turn.absent and verdict.end == FIRE
            told.append(Verdict(verdict.slot, policies.SKIPPED, OFFLINE) if absent else verdict)
            _carry_out(schedule, own, told[-1], now, starters, turn.agent)
    _tell_missed(schedule, told, 0, now)
    schedule.last_slot_at = max(schedule.last_slot_at, now)
    plans.look_ahead_at_agents(schedule, plan, now, now)
    return len(told)


def _reason_of_many(schedule: Schedule, earlier: engine.Earlier, verdicts: list[Verdict], now: datetime) -> str:
    if schedule.misfire == policies.SKIP:
        return "late"
    if schedule.misfire == policies.ALL:
        return "limit" if now - earlier.last <= policies.CATCHUP else "too_late"
    return "coalesced" if any(verdict.end == FIRE for verdict in verdicts) else "too_late"


def _carry_out(
    schedule: Schedule, plan: Plan, verdict: Verdict, now: datetime, starters: Starters, agent: Agent | None = None
) -> None:
    if verdict.end == FIRE:
        return _fire(schedule, verdict.slot, now, starters, agent)
    key = agent.uuid if agent else ""
    if verdict.reason == engine.HOLIDAY:
        return slots.skip_for_holiday(schedule, plan, verdict.slot, now, key)
    slots.record(schedule, verdict.slot, End(verdict.end), now, reason=verdict.reason, agent=key)
    return None


def _fire(schedule: Schedule, slot: Slot, now: datetime, starters: Starters, agent: Agent | None) -> None:
    key = agent.uuid if agent else ""
    decision = _overlap(schedule, slot, now, agent)
    if decision == policies.SKIP:
        slots.record(schedule, slot, End.SKIPPED, now, reason="overlap", agent=key)
    elif decision == policies.QUEUE:
        slots.record(schedule, slot, End.WAITING, now, agent=key, look_at=now + LOOK_AGAIN)
    elif slot_id := slots.record(schedule, slot, End.WAITING, now, agent=key):
        start(schedule, slot_id, key, now, starters)


def _overlap(schedule: Schedule, slot: Slot, now: datetime, agent: Agent | None) -> str:
    if schedule.overlap == policies.ALLOW:
        return FIRE
    going_on = runs.under_way(schedule, agent)
    if schedule.misfire == policies.ALL and now - slot.at > PUNCTUAL:
        # All that was missed is to run, so none may fall to the one before: they go one after the other.
        return policies.QUEUE if going_on.any else FIRE
    unbegun = going_on.waiting + going_on.unstarted
    decision = policies.overlap(schedule.overlap, going_on.batches + going_on.waiting, unbegun)
    if decision != policies.REPLACE:
        return decision
    runs.cancel(schedule, starting.actor(schedule), now, agent=agent)
    runs.drop_waiting(schedule, REPLACED, now, agent=agent)
    return policies.QUEUE if runs.under_way(schedule, agent).any else FIRE


def start(schedule: Schedule, slot_id: int, agent: str, now: datetime, starters: Starters) -> None:
    """A slot's run begins, or the slot says why it does not."""
    run = Run(starting.actor(schedule), now, slot_id=slot_id, agent=agent)
    try:
        started = starting.start(schedule, run, starters)
    except (SpecError, Refused) as refusal:
        return _refuse(schedule, slot_id, refusal, now)
    crash_here("fired")
    schedule.last_run_at = now
    slots.settle_started(slot_id, started, now)
    return None


def _refuse(schedule: Schedule, slot_id: int, refusal: SpecError | Refused, now: datetime) -> None:
    """Nothing to run on is no failure; what cannot be launched is missed, told, and can be made up for."""
    empty = isinstance(refusal, Refused) and refusal.code == NO_TARGETS
    text = refusal.text if isinstance(refusal, Refused) else ". ".join(each["message"] for each in refusal.errors)
    end, reason = (End.SKIPPED, NO_TARGETS) if empty else (End.MISSED, REFUSED)
    slots.update(slot_id, end=end, reason=reason, text=text[:500], look_at=None, settled_at=now)
    if not empty:
        lifecycle.tell_missed(schedule, 1, REFUSED, now, text)


def _tell_missed(schedule: Schedule, verdicts: list[Verdict], earlier: int, now: datetime) -> None:
    missed = [verdict for verdict in verdicts if verdict.end == MISSED]
    if missed or earlier:
        reason = missed[-1].reason if missed else None
        lifecycle.tell_missed(schedule, len(missed) + earlier, reason or "late", now)
