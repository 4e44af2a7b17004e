"""What becomes of due slots: those that come late, and those whose last run still goes on.

Both are decisions with a reason; the caller carries them out and keeps the reason with the slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from webapp.language import N_, _
from webapp.schedules.plan import Slot

SKIP, ONCE, ALL = "skip", "once", "all"
MISFIRE = (SKIP, ONCE, ALL)
ALLOW, QUEUE, REPLACE = "allow", "queue", "replace"
OVERLAP = (ALLOW, SKIP, QUEUE, REPLACE)

FIRE, MISSED, SKIPPED = "fire", "missed", "skipped"

# A scheduler that takes over from a dead one is some seconds late; nobody calls that a missed run.
PUNCTUAL = timedelta(minutes=1)
GRACE = timedelta(hours=1)
CATCHUP = timedelta(hours=24)
MOST = 100

REASONS = {
    "late": N_("The scheduler was away at that time, and the schedule skips missed runs"),
    "too_late": N_("The scheduler was away for longer than the schedule catches up with"),
    "coalesced": N_("The scheduler was away at that time; one later run stands for all that were missed"),
    "limit": N_("More runs were missed than the schedule catches up with"),
    "holiday": N_("The date is off in the schedule's calendar"),
    "overlap": N_("The run before was still going on"),
}


class Verdict(NamedTuple):
    slot: Slot
    end: str
    reason: str | None


def misfire(
    policy: str,
    slots: Sequence[Slot],
    now: datetime,
    grace: timedelta = GRACE,
    catchup: timedelta = CATCHUP,
    max: int = MOST,
) -> list[Verdict]:
    """Each due slot with its end, in the order given (oldest first). Punctual slots always fire."""
    runnable = [slot for slot in slots if not slot.skipped]
    late = [slot for slot in runnable if now - slot.at > PUNCTUAL]
    decided = {verdict.slot.at: verdict for verdict in _late(policy, late, now, grace, catchup, max)}
    if policy == ONCE and len(late) < len(runnable):
        # The punctual run does the work of the missed ones as well.
        decided = {slot.at: Verdict(slot, MISSED, "coalesced") for slot in late}
    return [
        Verdict(slot, SKIPPED, slot.skipped) if slot.skipped else decided.get(slot.at) or Verdict(slot, FIRE, None)
        for slot in slots
    ]


def _late(
    policy: str, late: list[Slot], now: datetime, grace: timedelta, catchup: timedelta, most: int
) -> Iterator[Verdict]:
    if policy == SKIP:
        yield from (Verdict(slot, MISSED, "late") for slot in late)
    elif policy == ONCE:
        for slot in late:
            too_late = now - slot.at > grace
            if slot is late[-1] and not too_late:
                yield Verdict(slot, FIRE, None)
            else:
                yield Verdict(slot, MISSED, "too_late" if now - late[-1].at > grace else "coalesced")
    elif policy == ALL:
        recent = [slot for slot in late if now - slot.at <= catchup]
        newest = {slot.at for slot in recent[-most:]} if most else set()
        for slot in late:
            if slot.at in newest:
                yield Verdict(slot, FIRE, None)
            else:
                yield Verdict(slot, MISSED, "too_late" if now - slot.at > catchup else "limit")
    else:
        raise ValueError(
            _('There is no misfire policy "%(policy)s". Use %(misfire)s', policy=policy, misfire=", ".join(MISFIRE))
        )


def overlap(policy: str, open_count: int, waiting: int = 0) -> str:
    """fire, skip, queue or replace, when `open_count` runs of the schedule are still open.

    Of those, `waiting` have not begun: one waits at most, since a second would only pile up.
    """
    if policy not in OVERLAP:
        raise ValueError(
            _('There is no overlap policy "%(policy)s". Use %(overlap)s', policy=policy, overlap=", ".join(OVERLAP))
        )
    if policy == ALLOW or not open_count:
        return FIRE
    return SKIP if policy == QUEUE and waiting else policy
