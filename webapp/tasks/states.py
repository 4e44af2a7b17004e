"""What a task can be, which moves are legal, and the words that other systems use for it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from webapp.language import N_, _


class Status(StrEnum):
    BLOCKED = "blocked"
    SCHEDULED = "scheduled"
    PENDING = "pending"
    ASSIGNED = "assigned"
    DOWNLOADING = "downloading"
    EXECUTING = "executing"
    REPORTING = "reporting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    EXPIRED = "expired"
    SKIPPED = "skipped"


S = Status
WAITING = frozenset({S.BLOCKED, S.SCHEDULED, S.PENDING})
LEASED = frozenset({S.ASSIGNED, S.DOWNLOADING, S.EXECUTING, S.REPORTING})
STARTED = frozenset({S.EXECUTING, S.REPORTING})
UNSTARTED = frozenset({S.ASSIGNED, S.DOWNLOADING})
OPEN = WAITING | LEASED
FINAL = frozenset(S) - OPEN
BAD = frozenset({S.FAILED, S.TERMINATED, S.EXPIRED})  # what "run the failed ones again" means
EXPLAINED = frozenset({S.FAILED, S.SKIPPED})  # those that have a reason code, and no others

# from → to. A move that is not here cannot be made; a verb in lifecycle.py makes those that are.
MOVES: dict[Status, frozenset[Status]] = {
    S.BLOCKED: frozenset({S.PENDING, S.SKIPPED, S.CANCELLED, S.EXPIRED}),
    S.SCHEDULED: frozenset({S.PENDING, S.SKIPPED, S.CANCELLED, S.EXPIRED}),
    S.PENDING: frozenset({S.ASSIGNED, S.SKIPPED, S.CANCELLED, S.EXPIRED, S.FAILED}),
    S.ASSIGNED: frozenset({S.DOWNLOADING, S.EXECUTING, S.PENDING, S.FAILED, S.CANCELLED}),
    S.DOWNLOADING: frozenset({S.EXECUTING, S.PENDING, S.FAILED, S.CANCELLED}),
    S.EXECUTING: frozenset({S.REPORTING, S.COMPLETED, S.FAILED, S.TERMINATED}),
    S.REPORTING: frozenset({S.COMPLETED, S.FAILED, S.TERMINATED}),
    # Only while the failure was inferred (`outcome_known` false): a late result tells what really happened.
    S.FAILED: frozenset({S.COMPLETED, S.FAILED, S.TERMINATED}),
    S.COMPLETED: frozenset(),
    S.CANCELLED: frozenset(),
    S.TERMINATED: frozenset(),
    S.EXPIRED: frozenset(),
    S.SKIPPED: frozenset(),
}


@dataclass(frozen=True)
class Look:
    """How a status is shown: never by colour alone."""

    label: str
    tone: str
    icon: str


LOOKS: dict[Status, Look] = {
    S.BLOCKED: Look(N_("Blocked"), "neutral", "blocked"),
    S.SCHEDULED: Look(N_("Scheduled"), "violet", "scheduled"),
    S.PENDING: Look(N_("Queued"), "neutral", "pending"),
    S.ASSIGNED: Look(N_("Assigned"), "info", "assigned"),
    S.DOWNLOADING: Look(N_("Downloading"), "info", "downloading"),
    S.EXECUTING: Look(N_("Running"), "active", "executing"),
    S.REPORTING: Look(N_("Reporting"), "info", "reporting"),
    S.COMPLETED: Look(N_("Completed"), "success", "completed"),
    S.FAILED: Look(N_("Failed"), "danger", "failed"),
    S.CANCELLED: Look(N_("Cancelled"), "neutral", "cancelled"),
    S.TERMINATED: Look(N_("Terminated"), "warning", "terminated"),
    S.EXPIRED: Look(N_("Expired"), "neutral", "expired"),
    S.SKIPPED: Look(N_("Skipped"), "neutral", "skipped"),
}
CANCELLING = Look(N_("Cancelling"), "warning", "terminated")

# The four earlier vocabularies, in any case. Each word selects a set.
ALIASES: dict[str, frozenset[Status]] = {
    "queued": frozenset({S.PENDING}),
    "triggered": frozenset({S.PENDING}),
    "created": WAITING,
    "started": UNSTARTED,
    "running": STARTED,
    "active": LEASED,
    "success": frozenset({S.COMPLETED}),
    "succeeded": frozenset({S.COMPLETED}),
    "error": frozenset({S.FAILED}),
    "canceled": frozenset({S.CANCELLED}),
    "open": OPEN,
    "final": FINAL,
    "waiting": WAITING,
}


WORDS = frozenset(status.value for status in Status)


def unknown(text: str, near: list[str]) -> str:
    return f"{text} {_('Did you mean %(name)s?', name=near[0])}" if near else text


class UnknownWord(ValueError):
    def __init__(self, word: str, known: list[str]):
        near = get_close_matches(word.lower(), known, 1)
        super().__init__(unknown(_('Unknown status "%(name)s".', name=word), near))
        self.word, self.near = word, near[0] if near else None


def selected(words: list[str]) -> frozenset[Status]:
    """The statuses that these words, of any vocabulary, stand for."""
    chosen: set[Status] = set()
    for word in words:
        key = word.strip().lower()
        if key in ALIASES:
            chosen |= ALIASES[key]
        elif key in WORDS:
            chosen.add(Status(key))
        else:
            raise UnknownWord(word, [*ALIASES, *Status])
    return frozenset(chosen)


# What system K calls a status, for `?case=upper`.
SCANNER_WORDS: dict[Status, str] = (
    dict.fromkeys(WAITING, "PENDING")
    | dict.fromkeys(LEASED, "RUNNING")
    | {S.COMPLETED: "COMPLETED", S.FAILED: "FAILED", S.EXPIRED: "FAILED"}
    | dict.fromkeys((S.CANCELLED, S.TERMINATED, S.SKIPPED), "CANCELLED")
)


class Trigger(StrEnum):
    MANUAL = "manual"
    ADHOC = "adhoc"
    SCHEDULE = "schedule"
    DEPENDENCY = "dependency"
    RETRY = "retry"
    RESCHEDULE = "reschedule"
    API = "api"
    FILE = "file"
    RULE = "rule"
    IMPORT = "import"


class Outcome(StrEnum):
    PROTECTED = "protected"
    UNPROTECTED = "unprotected"
    ERROR = "error"


NEVER_STARTED = -1
TIMED_OUT = 259
TERMINATED_CODE = 260
OUTCOME_UNKNOWN = 261
