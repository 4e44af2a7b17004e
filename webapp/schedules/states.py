"""What a schedule can be, how one of its slots can end, and the words for both."""

from __future__ import annotations

from enum import StrEnum

from webapp.language import N_
from webapp.schedules.policies import REASONS as WHY
from webapp.tasks.states import Look


class Status(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ERROR = "error"


MOVES: dict[Status, frozenset[Status]] = {
    Status.ACTIVE: frozenset({Status.PAUSED, Status.COMPLETED, Status.ERROR}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.COMPLETED, Status.ERROR}),
    # What has ended or is broken goes on when somebody gives it a rule that has a next run.
    Status.COMPLETED: frozenset({Status.ACTIVE, Status.ERROR}),
    Status.ERROR: frozenset({Status.ACTIVE, Status.COMPLETED}),
}

LOOKS: dict[Status, Look] = {
    Status.ACTIVE: Look(N_("Active"), "success", "active"),
    Status.PAUSED: Look(N_("Paused"), "warning", "paused"),
    Status.COMPLETED: Look(N_("Completed"), "neutral", "completed"),
    Status.ERROR: Look(N_("Error"), "danger", "error"),
}


class End(StrEnum):
    """Of a slot. The first two are not the last word: the scheduler comes back to them."""

    WAITING = "waiting"
    FANNING = "fanning"
    FIRED = "fired"
    SKIPPED = "skipped"
    MISSED = "missed"


ENDS: dict[End, Look] = {
    End.WAITING: Look(N_("Waiting"), "neutral", "pending"),
    End.FANNING: Look(N_("Starting"), "info", "executing"),
    End.FIRED: Look(N_("Started"), "success", "play"),
    End.SKIPPED: Look(N_("Skipped"), "neutral", "skipped"),
    End.MISSED: Look(N_("Missed"), "warning", "warning"),
}

RUN_NOW, PAUSED, CHANGED, BROKEN = "run_now", "paused", "changed", "broken"
REFUSED, OFFLINE, REPLACED, ENDED, NO_TARGETS = "refused", "agent_offline", "replaced", "ended", "no_targets"
REASONS = WHY | {
    RUN_NOW: N_("Somebody started it by hand"),
    PAUSED: N_("The schedule was paused"),
    CHANGED: N_("It was due at the moment when the schedule was changed"),
    BROKEN: N_("The schedule was broken"),
    NO_TARGETS: N_("There was nothing to run it on"),
    REFUSED: N_("It could not be started"),
    OFFLINE: N_("The agent was offline at that time"),
    REPLACED: N_("A later run took its place while it waited"),
    ENDED: N_("The schedule ended while it waited"),
}
