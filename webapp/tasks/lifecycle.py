"""The verbs that move a task. Each is one guarded UPDATE and one event; none commits.

A worker or agent writes only under its lease (sequence and token in the WHERE). A person's verb writes only
if the row is still what that person saw. Zero rows mean that somebody else was first: `Refused`, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webapp import events
from webapp.crash import crash_here
from webapp.db import db
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks import graph, kinds, retries, states, wake
from webapp.tasks.lists import search
from webapp.tasks.models import Task
from webapp.tasks.moves import Lease, hashed, move, ring, update
from webapp.tasks.reasons import Reason
from webapp.tasks.states import Status

LEASE = timedelta(seconds=60)
GRACE = timedelta(seconds=120)  # between a task's own timeout and the moment when the server stops waiting for news
DOWNLOAD_LIMIT = timedelta(seconds=300)
MAX_DELIVERIES = 3


@dataclass(frozen=True)
class End:
    """How a run ended, as its executor tells it."""

    exit_code: int
    signal: int | None = None
    reason: str | None = None
    error: str | None = None
    traceback: str | None = None
    outcome_known: bool = True
    result: dict[str, Any] | None = None
    stdout_size: int = 0
    stderr_size: int = 0
    dropped_bytes: int = 0


# --- people -------------------------------------------------------------------------------------------------


def cancel(task: Task, by: Actor, now: datetime, text: str | None = None) -> None:
    """Withdraw it if it has not started; ask its executor to stop it if it has."""
    if task.status in states.STARTED:
        request_stop(task, by, now)
    elif task.final:
        raise Refused(
            "final",
            _("This task finished before it could be cancelled. It is now %(label)s", label=_(task.looks.label)),
        )
    else:
        move(
            task,
            Status.CANCELLED,
            by,
            now,
            ended_at=now,
            token_hash=None,
            cancel_requested_by=by.name,
            event={"text": text},
        )
        _finished(task, by, now)


def request_stop(task: Task, by: Actor, now: datetime) -> None:
    update(
        task,
        now,
        Task.status.in_(states.STARTED),
        Task.cancel_requested_at.is_(None),
        cancel_requested_at=now,
        cancel_requested_by=by.name,
    )
    events.record(task.organization_id, "task.stop_requested", "task", task.id, by, now)
    if task.executor == "agent":
        wake.agents_after_commit([task], wake.BEAT)  # a worker looks every 2 s


def run_now(task: Task, by: Actor, now: datetime) -> None:
    """A scheduled or blocked task at once, whatever it waits for; a queued one before all others."""
    if task.status == Status.PENDING:
        update(task, now, was={"status": Status.PENDING}, priority=11, queued_at=now)
        events.record(task.organization_id, "task.first_in_queue", "task", task.id, by, now)
    elif task.waiting:
        move(
            task,
            Status.PENDING,
            by,
            now,
            queued_at=now,
            not_before=None,
            pending_parents=0,
            priority=11,
            event={"text": "Run now"},
        )
    else:
        raise Refused(
            "not_waiting", _("Only a waiting task can be started. This one is %(label)s", label=_(task.looks.label))
        )
    ring([task])


def retry(task: Task, by: Actor, now: datetime) -> Task:
    """The next attempt of a chain, by a person: at once, and beyond the automatic limit if need be."""
    if task.open:
        raise Refused(
            "open", _("This task is still %(label)s. Cancel it first, or wait for its end", label=_(task.looks.label))
        )
    if not task.latest:
        raise Refused("superseded", _("A later attempt of this task exists. Retry that one"))
    if task.status == Status.COMPLETED:
        raise Refused("completed", _("This task completed. Reschedule it to run it again"))
    return retries.next_attempt(task, by, now, now, max_retries=max(task.max_retries, task.retry_number + 1))


def delete(task: Task, by: Actor, now: datetime) -> None:
    """Hide it; retention removes it later. Undone by `restore`."""
    if not task.final:
        raise Refused("open", _("Open tasks cannot be deleted. Cancel it first"))
    update(task, now, Task.status.in_(states.FINAL), Task.deleted_at.is_(None), deleted_at=now)
    events.record(task.organization_id, "task.deleted", "task", task.id, by, now)


def restore(task: Task, by: Actor, now: datetime) -> None:
    update(task, now, Task.deleted_at.is_not(None), deleted_at=None)
    events.record(task.organization_id, "task.restored", "task", task.id, by, now)


# --- executors ----------------------------------------------------------------------------------------------


def download(task: Task, lease: Lease, by: Actor, now: datetime) -> None:
    if task.status != Status.DOWNLOADING:
        move(task, Status.DOWNLOADING, by, now, lease=lease)


def start(task: Task, lease: Lease, by: Actor, now: datetime) -> None:
    """The permit: nothing runs before this succeeds, so a row is executed at most once. Repeating it is harmless."""
    if task.status == Status.EXECUTING and task.token_hash == hashed(lease.token) and task.lease_seq == lease.seq:
        return
    move(
        task,
        Status.EXECUTING,
        by,
        now,
        lease=lease,
        started_at=now,
        lease_until=now + LEASE,
        deadline=now + timedelta(seconds=task.execution_timeout) + GRACE,
        unreachable_at=None,
    )


def give_back(task: Task, lease: Lease | None, by: Actor, now: datetime, text: str = "Handed back") -> None:
    """Nothing has run: another executor may take it. After three deliveries it is given up."""
    if task.delivery_count >= MAX_DELIVERIES:
        move(
            task,
            Status.FAILED,
            by,
            now,
            lease=lease,
            exit_code=states.NEVER_STARTED,
            reason=Reason.UNDELIVERABLE,
            error=f"Handed out {task.delivery_count} times and never started",
            ended_at=now,
            token_hash=None,
        )
        return _finished(task, by, now)
    move(
        task,
        Status.PENDING,
        by,
        now,
        lease=lease,
        token_hash=None,
        lease_until=None,
        claimed_by=None,
        assigned_at=None,
        deadline=None,
        rung_at=None,
        unreachable_at=None,
        event={"text": text},
        **({"agent_id": None, "agent_name": ""} if task.owner == "anyone" else {}),
    )
    ring([task])


def progress(task: Task, lease: Lease, percent: int, text: str, now: datetime) -> None:
    """How far it says it is; a fact of the row, not an event."""
    was = {"status": Status.EXECUTING} | lease.held
    update(task, now, was=was, progress=percent, progress_text=text[:200] or None)
    events.touch(task.organization_id)


def report(task: Task, lease: Lease, by: Actor, now: datetime, exit_code: int) -> None:
    """The process has ended; its output is still on the way."""
    if task.status != Status.REPORTING:
        move(task, Status.REPORTING, by, now, lease=lease, reported_at=now, exit_code=exit_code)


def finish(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """The executor's word on how it ended, by the kind's own idea of success.

    A worker's output is already where it stays; an agent's has to arrive first, which is the reporting state.
    """
    if task.status == Status.EXECUTING and task.executor == "agent":
        report(task, lease, by, now, end.exit_code)
    to, reason = verdict(task, end)
    move(task, to, by, now, lease=lease, **_ending(task, to, reason, end, now))
    _finished(task, by, now)


def fail(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """It never ran, or its executor gave it up."""
    reason = Reason(end.reason) if end.reason in set(Reason) else Reason.INTERNAL_ERROR
    move(task, Status.FAILED, by, now, lease=lease, **_ending(task, Status.FAILED, reason, end, now))
    _finished(task, by, now)


def stopped(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """The executor confirms that a stop request ended the whole process tree."""
    if task.status in states.UNSTARTED:
        move(task, Status.CANCELLED, by, now, lease=lease, ended_at=now, token_hash=None)
    else:
        move(
            task,
            Status.TERMINATED,
            by,
            now,
            lease=lease,
            **_ending(task, Status.TERMINATED, None, end, now) | {"outcome": None},
        )
    _finished(task, by, now)


def resolve_late(task: Task, by: Actor, now: datetime, end: End) -> bool:
    """What really became of a task whose failure was only inferred. False if it can only be kept as evidence."""
    if task.status != Status.FAILED or task.outcome_known or retries.overtaken(task):
        return False
    to, reason = verdict(task, end)
    move(task, to, by, now, Task.outcome_known.is_(False), late=True, **_ending(task, to, reason, end, now))
    for waiting in db.session.scalars(retries.others(task).where(Task.status.in_(states.WAITING))):
        move(waiting, Status.CANCELLED, by, now, ended_at=now, latest=False, event={"reason": "superseded"})
    update(task, now, latest=True)
    _finished(task, by, now, may_retry=False)
    return True


def _ending(task: Task, to: Status, reason: Reason | None, end: End, now: datetime) -> dict[str, Any]:
    return {
        "ended_at": now, "exit_code": end.exit_code, "signal": end.signal, "reason": reason,
        "error": end.error or _said(task, reason, end), "traceback": end.traceback, "result": end.result, "outcome_known": end.outcome_known,
        "outcome": kinds.of(task.type).outcome(end.exit_code), "stdout_size": end.stdout_size,
        "stderr_size": end.stderr_size, "dropped_bytes": end.dropped_bytes, "lease_until": None, "unreachable_at": None,
        # The hash stays where the outcome is unknown: it is what proves a late result's origin.
        **({"token_hash": None} if end.outcome_known else {}),
        **({"progress": 100} if to == Status.COMPLETED and task.progress is not None else {}),
    }  # fmt: skip


def _said(task: Task, reason: Reason | None, end: End) -> str | None:
    """A failure always has a text, also when all that the program said is a number."""
    if reason != Reason.EXIT_CODE:
        return None
    if end.signal:
        return f"The program was ended by signal {end.signal}"
    accepted = " or ".join(map(str, kinds.success_codes(task.type, task.options)))
    return f"The program ended with exit code {end.exit_code}; success is {accepted}"


def verdict(task: Task, end: End) -> tuple[Status, Reason | None]:
    if end.reason == "cancelled" or end.exit_code == states.TERMINATED_CODE:
        return Status.TERMINATED, None
    if end.reason in set(Reason):
        return Status.FAILED, Reason(str(end.reason))
    if end.exit_code == states.TIMED_OUT:
        return Status.FAILED, Reason.TIMEOUT
    if end.exit_code == states.OUTCOME_UNKNOWN:
        return Status.FAILED, Reason.AGENT_OFFLINE if task.executor == "agent" else Reason.WORKER_LOST
    if end.exit_code in kinds.success_codes(task.type, task.options):
        return Status.COMPLETED, None
    return Status.FAILED, Reason.EXIT_CODE


# --- loops --------------------------------------------------------------------------------------------------


def release(task: Task, by: Actor, now: datetime) -> None:
    """Due, or its last parent has ended."""
    move(task, Status.PENDING, by, now, queued_at=now)
    crash_here("released")
    ring([task])


def expire(task: Task, by: Actor, now: datetime, text: str = "Nobody picked it up in time") -> None:
    move(task, Status.EXPIRED, by, now, ended_at=now, exit_code=states.NEVER_STARTED, event={"text": text})
    _finished(task, by, now)


def skip(task: Task, reason: Reason, by: Actor, now: datetime) -> None:
    move(task, Status.SKIPPED, by, now, ended_at=now, reason=reason)
    _finished(task, by, now)


def time_out(task: Task, by: Actor, now: datetime) -> None:
    """The deadline has passed without a word of its end, though the executor may be alive."""
    ran = task.status in states.STARTED
    _infer_failure(
        task,
        Reason.TIMEOUT,
        states.TIMED_OUT if ran else states.NEVER_STARTED,
        f"No end was reported within {task.execution_timeout} s and {int(GRACE.total_seconds())} s of grace",
        by,
        now,
    )


def lose(task: Task, by: Actor, now: datetime) -> None:
    """Its executor has gone silent. What had started has an unknown outcome; what had not is handed on."""
    if task.status in states.UNSTARTED:
        return give_back(task, None, by, now, "Its executor went silent before it started")
    reason = Reason.AGENT_OFFLINE if task.executor == "agent" else Reason.WORKER_LOST
    _infer_failure(
        task, reason, states.OUTCOME_UNKNOWN, f"{task.claimed_by or 'Its executor'} stopped reporting", by, now
    )


def terminate_unconfirmed(task: Task, by: Actor, now: datetime) -> None:
    move(
        task,
        Status.TERMINATED,
        by,
        now,
        Task.cancel_requested_at.is_not(None),
        ended_at=now,
        outcome_known=False,
        exit_code=states.TERMINATED_CODE,
        error="The stop was not confirmed within 120 s",
        lease_until=None,
    )
    _finished(task, by, now)


def _infer_failure(task: Task, reason: Reason, code: int, text: str, by: Actor, now: datetime) -> None:
    move(
        task,
        Status.FAILED,
        by,
        now,
        ended_at=now,
        reason=reason,
        exit_code=code,
        error=text,
        outcome_known=False,
        outcome=kinds.of(task.type).outcome(code),
        lease_until=None,
    )
    _finished(task, by, now)


# --- what follows an end ------------------------------------------------------------------------------------


def _finished(task: Task, by: Actor, now: datetime, may_retry: bool = True) -> None:
    """The one hook behind every end: the next attempt, or else the children."""
    crash_here("finished")
    if task.reason or task.error:
        search.refresh(task)
    if may_retry and retries.wanted(task):
        due = now + retries.delay(task)
        retries.next_attempt(task, by, now, due, max_retries=task.max_retries)
        return
    for child in graph.consume(task, now):
        release(child, by, now)
