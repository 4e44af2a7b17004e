"""What a task answers about itself, whether it was loaded to be changed or read as plain columns."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from webapp.language import _
from webapp.tasks import states
from webapp.tasks.reasons import ADVICE, Reason
from webapp.tasks.states import Status


class Answers:
    if TYPE_CHECKING:
        id: Any
        uuid: Any
        exit_code: Any
        status: Any
        what: Any
        input: Any
        created_by: Any
        latest: Any
        original_task_id: Any
        executor: Any
        owner: Any
        target: Any
        agent_name: Any
        options: Any
        reason: Any
        error: Any
        created_at: Any
        started_at: Any
        ended_at: Any
        deleted_at: Any
        cancel_requested_at: Any
        unreachable_at: Any
        retry_number: Any
        outcome: Any
        late: Any
        note_count: Any
        trigger: Any

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def open(self) -> bool:
        return self.status in states.OPEN

    @property
    def final(self) -> bool:
        return self.status in states.FINAL

    @property
    def waiting(self) -> bool:
        return self.status in states.WAITING

    @property
    def started(self) -> bool:
        return self.status in states.STARTED

    @property
    def counted(self) -> bool:
        """Lists show and count the latest attempt of each chain, unless it was deleted."""
        return bool(self.latest) and self.deleted_at is None

    @property
    def cancelling(self) -> bool:
        return self.open and self.cancel_requested_at is not None

    @property
    def cancellable(self) -> bool:
        return self.open and self.cancel_requested_at is None

    @property
    def deletable(self) -> bool:
        return self.final and self.deleted_at is None

    @property
    def retryable(self) -> bool:
        return self.latest and self.status in states.FINAL - {Status.COMPLETED}

    @property
    def reschedulable(self) -> bool:
        return self.final

    @property
    def runnable_now(self) -> bool:
        return self.waiting

    @property
    def root_id(self) -> int:
        return self.original_task_id or self.id

    @property
    def looks(self) -> states.Look:
        return states.LOOKS[self.state]

    @property
    def shown(self) -> states.Look:
        """How its row looks: a stop that is under way is not over."""
        return states.CANCELLING if self.cancelling else self.looks

    @property
    def marked(self) -> bool:
        """Is there anything to say beside its name?"""
        odd = self.retry_number or self.late or self.unreachable_at or self.note_count
        return bool(odd) or self.trigger == states.Trigger.ADHOC

    @property
    def reason_label(self) -> str:
        return _(ADVICE[Reason(self.reason)].label) if self.reason in ADVICE else (self.reason or "")

    @property
    def reason_hint(self) -> str:
        return ADVICE[Reason(self.reason)].hint if self.reason in ADVICE else ""

    @property
    def headline(self) -> str:
        """Why it ended as it did, in one line."""
        told = (self.error or "").strip().split("\n", 1)[0][:300]
        label = "" if told and self.reason == Reason.EXIT_CODE else self.reason_label
        return ": ".join(part for part in (label, told) if part)

    @property
    def told(self) -> str:
        """The second line of its row: on what it runs, or whose it is where the name says that already."""
        return (
            self.input if self.input and self.input != self.what else _("By %(created_by)s", created_by=self.created_by)
        )

    @property
    def distinction(self) -> str:
        """What tells it from the other tasks of its batch."""
        return self.input if self.input and self.input != self.what else self.place

    @property
    def place(self) -> str:
        """Where it runs, or is to run, in words."""
        if self.agent_name or self.executor == "worker":
            return self.agent_name or _("Worker")
        if self.owner == "tags":
            return _("Tag %(value)s", value=", ".join(self.target.get("tags", [])))
        return {"all": _("All agents"), "anyone": _("Anyone")}.get(self.owner) or str(self.target.get("user") or "")

    @property
    def queue_time(self) -> timedelta | None:
        begun = self.started_at or self.ended_at
        return begun - self.created_at if begun else None

    @property
    def run_time(self) -> timedelta | None:
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None

    @property
    def success_exit_codes(self) -> list[int]:
        return self.options.get("success_exit_codes") or [0]
