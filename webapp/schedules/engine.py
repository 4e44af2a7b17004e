"""One engine for the words, the preview and the scheduler: what is shown is what will happen.

A slot runs, or a calendar skips it or moves it to a later day. Everything here depends on the plan and
on the moment asked about, never on what was asked before: any scheduler, started at any time, sees the
same slots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, NamedTuple

from webapp.calendars.days import NEXT_WORKING_DAY, ONE_DAY, DaysOff
from webapp.calendars.zones import GAP, REPEATED, When, day_start, resolve, wall_time
from webapp.language import _
from webapp.schedules.kinds import KINDS
from webapp.schedules.plan import TICK, Plan, Slot, slot_of, times
from webapp.schedules.words import date_words, length_words

HOLIDAY = "holiday"
# How far back an outage is counted slot by slot; beyond it the count says "or more".
MOST_COUNTED = 10_000


class Earlier(NamedTuple):
    """Due slots that are too many to list, skipped ones left out; `more` when there are yet more."""

    total: int
    first: datetime
    last: datetime
    more: bool


class Due(NamedTuple):
    slots: list[Slot]
    earlier: Earlier | None


def describe(plan: Plan) -> str:
    words = KINDS[plan.kind].describe(plan.rule, plan.zone.key)
    if plan.jitter:
        words += ", " + _("up to %(length)s later", length=length_words(plan.jitter))
    if plan.calendar:
        instead = plan.calendar.policy == NEXT_WORKING_DAY
        off = {"calendar": plan.calendar.name}
        words += ", " + (
            _("on the next working day instead of %(calendar)s", **off) if instead else _("except %(calendar)s", **off)
        )
    if plan.start:
        words += ", " + _("from %(date)s", date=date_words(wall_time(plan.start, plan.zone)))
    if plan.end:
        words += ", " + _("until %(date)s", date=date_words(wall_time(plan.end, plan.zone)))
    return words


def next_slot(plan: Plan, after: datetime) -> Slot | None:
    """The first slot strictly later than `after`, whether it runs or is skipped."""
    return next(walk(plan, after), None)


def next_run(plan: Plan, after: datetime) -> Slot | None:
    """The first slot that runs."""
    while (slot := next_slot(plan, after)) and slot.skipped:
        after = _end_of_date(plan, slot)
    return slot


def slots(plan: Plan, after: datetime, until: datetime, limit: int) -> list[Slot]:
    """At most `limit` slots in (after, until]."""
    return list(islice(_until(plan, after, until), limit))


def preview(plan: Plan, now: datetime, count: int = 5) -> dict[str, Any]:
    """What the plan will do, as programs see it. The skipped slots of one date are one entry."""
    listed: list[Slot] = []
    while len(listed) < count and (slot := next_slot(plan, now)):
        listed.append(slot)
        now = _end_of_date(plan, slot) if slot.skipped else slot.at
    return {"text": describe(plan), "slots": [as_json(plan, slot) for slot in listed]}


def as_json(plan: Plan, slot: Slot) -> dict[str, Any]:
    return {
        "at": slot.at.isoformat().replace("+00:00", "Z"),
        "local": slot.local.isoformat(),
        "note": slot.note,
        "skipped": slot.skipped,
        "moved_from": slot.moved_from.isoformat() if slot.moved_from else None,
        "remark": remark(plan, slot),
    }


def remark(plan: Plan, slot: Slot) -> str | None:
    """The slot's note as a sentence."""
    if slot.note == HOLIDAY and plan.calendar:
        day = slot.moved_from or slot.local.date()
        reason = plan.calendar.dates.get(day) or plan.calendar.name
        return f"{reason}: {_('moved here from %(day)s', day=day) if slot.moved_from else _('skipped')}"
    if slot.note == GAP:
        asked = _("%(wall)s does not exist in %(key)s", wall=date_words(slot.wall), key=plan.zone.key)
        return _("%(asked)s. The run will start at %(local)s", asked=asked, local=f"{slot.local:%H:%M}")
    if slot.note == REPEATED:
        return _(
            "%(wall)s comes twice in %(key)s. It runs once, the first time",
            wall=date_words(slot.wall),
            key=plan.zone.key,
        )
    return None


def due(plan: Plan, last_slot: datetime, now: datetime, limit: int = 100) -> Due:
    """The newest `limit` slots in (last_slot, now], oldest first, and how many come before them.

    It looks back from `now` in growing steps, so a long outage costs little more than a short one.
    """
    span = timedelta(minutes=1)
    while True:
        begin = max(last_slot, now - span)
        newest = deque(_until(plan, begin, now), maxlen=limit + 1)
        if len(newest) > limit or begin == last_slot:
            break
        span *= 4
    if len(newest) <= limit:
        return Due(list(newest), None)
    newest.popleft()
    return Due(list(newest), _earlier(plan, last_slot, newest[0].at))


def _earlier(plan: Plan, after: datetime, before: datetime) -> Earlier | None:
    runs = (slot.at for slot in _until(plan, after, before - TICK) if not slot.skipped)
    counted = list(islice(runs, MOST_COUNTED + 1))
    if not counted:
        return None
    more = len(counted) > MOST_COUNTED
    return Earlier(min(len(counted), MOST_COUNTED), counted[0], before - TICK if more else counted[-1], more)


def walk(plan: Plan, after: datetime) -> Iterator[Slot]:
    """All slots strictly later than `after`, in order; without end unless the plan has one."""
    if plan.calendar is None:
        yield from (slot_of(plan, when) for when in times(plan, after))
    else:
        yield from _walk_around(plan, plan.calendar, after)


def _until(plan: Plan, after: datetime, until: datetime) -> Iterator[Slot]:
    return takewhile(lambda slot: slot.at <= until, walk(plan, after))


def _walk_around(plan: Plan, off: DaysOff, after: datetime) -> Iterator[Slot]:
    waiting: list[Slot] = []
    for when in times(plan, _before_days_off(plan, off, after)):
        while waiting and waiting[0].at <= when.at:
            yield waiting.pop(0)
        slot = _settled(plan, off, when)
        if slot.at <= after:
            continue
        if not slot.moved_from:
            yield slot
        elif not waiting or waiting[-1].at < slot.at:
            waiting.append(slot)
    yield from waiting


def _before_days_off(plan: Plan, off: DaysOff, after: datetime) -> datetime:
    """Slots that are moved to a day belong to the days off right before it: begin with those."""
    if off.policy != NEXT_WORKING_DAY:
        return after
    today = wall_time(after, plan.zone).date()
    first = off.streak_start(today)
    return after if first == today and off.working(today) else day_start(first, plan.zone) - TICK


def _settled(plan: Plan, off: DaysOff, when: When) -> Slot:
    """The slot as it runs, or skipped or moved when its date is off."""
    slot = slot_of(plan, when)
    day = slot.local.date()
    if not off.closed(day):
        return slot
    target = _target(plan, off, day) if off.policy == NEXT_WORKING_DAY else None
    if target:
        moved = resolve(datetime.combine(target, slot.local.time()), plan.zone)
        if not (plan.end and moved.at > plan.end):
            return slot_of(plan, moved)._replace(note=HOLIDAY, moved_from=day)
    return slot._replace(note=HOLIDAY, skipped=HOLIDAY)


def _target(plan: Plan, off: DaysOff, day: date) -> date | None:
    """The working day that makes up for a day off.

    None when the rule runs on that day anyway, and when a later day off before it is made up for
    instead: after a week of holidays one day is caught up with, not five at once.
    """
    target = off.next_working_day(day)
    if target is None or _falls_on(plan, target):
        return None
    between = (day + ONE_DAY * step for step in range(1, (target - day).days))
    if any(off.closed(other) and _falls_on(plan, other) for other in between):
        return None
    return target


def _falls_on(plan: Plan, day: date) -> bool:
    found = next(times(plan, day_start(day, plan.zone) - TICK), None)
    return found is not None and wall_time(found.at, plan.zone).date() == day


def _end_of_date(plan: Plan, slot: Slot) -> datetime:
    return day_start(slot.local.date() + ONE_DAY, plan.zone) - TICK
