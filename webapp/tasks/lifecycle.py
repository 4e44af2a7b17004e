"""The verbs that move a task. Each is one guarded UPDATE and one event; none commits.

A worker or agent writes only under its lease (sequence and token in the WHERE). A person's verb writes only
if the row is still what that person saw. Zero rows mean that somebody else was first: `Refused`, with the reason.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from webapp import events, queue
from webapp.crash import crash_here
from webapp.db import change, db, insert
from webapp.events import Actor
from webapp.refusal import Refused
from webapp.tasks import graph, kinds, search, states, wake
from webapp.tasks.models import Count, Ended, Task, new_uuid
from webapp.tasks.reasons import Reason
from webapp.tasks.states import Status, Trigger

LEASE = timedelta(seconds=60)
GRACE = timedelta(seconds=120)  # between a task's own timeout and the moment when the server stops waiting for news
DOWNLOAD_LIMIT = timedelta(seconds=300)
MAX_DELIVERIES = 3
LONGEST_RETRY_DELAY = 900

# Trying these again cannot help, or must not happen without a person.
NEVER_RETRIED = frozenset({
    Reason.CHECKSUM_MISMATCH, Reason.SIZE_MISMATCH, Reason.SIGNATURE_INVALID, Reason.MANIFEST_EXPIRED,
    Reason.MANIFEST_REVOKED, Reason.VERSION_ROLLBACK, Reason.POLICY_REFUSED, Reason.NO_BUILD_FOR_PLATFORM,
    Reason.INVALID_INPUT, Reason.RUN_AS_FAILED, Reason.INTERNAL_ERROR,
})  # fmt: skip


@dataclass(frozen=True)
class Lease:
    seq: int
    token: str

    @property
    def guard(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (Task.lease_seq == self.seq, Task.token_hash == hashed(self.token))


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


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- people -------------------------------------------------------------------------------------------------


def cancel(task: Task, by: Actor, now: datetime, text: str | None = None) -> None:
    """Withdraw it if it has not started; ask its executor to stop it if it has."""
    if task.status in states.STARTED:
        request_stop(task, by, now)
    elif task.final:
        raise Refused("final", f"This task finished before it could be cancelled. It is now {task.looks.label}")
    else:
        _move(
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
        update(task, now, Task.status == Status.PENDING, priority=11, queued_at=now)
        events.record(task.organization_id, "task.first_in_queue", "task", task.id, by, now)
    elif task.waiting:
        _move(
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
        raise Refused("not_waiting", f"Only a waiting task can be started. This one is {task.looks.label}")
    ring([task])


def retry(task: Task, by: Actor, now: datetime) -> Task:
    """The next attempt of a chain, by a person: at once, and beyond the automatic limit if need be."""
    if task.open:
        raise Refused("open", f"This task is still {task.looks.label}. Cancel it first, or wait for its end")
    if not task.latest:
        raise Refused("superseded", "A later attempt of this task exists. Retry that one")
    if task.status == Status.COMPLETED:
        raise Refused("completed", "This task completed. Reschedule it to run it again")
    return _next_attempt(task, by, now, now, max_retries=max(task.max_retries, task.retry_number + 1))


def delete(task: Task, by: Actor, now: datetime) -> None:
    """Hide it; retention removes it later. Undone by `restore`."""
    if not task.final:
        raise Refused("open", "Open tasks cannot be deleted. Cancel it first")
    update(task, now, Task.status.in_(states.FINAL), Task.deleted_at.is_(None), deleted_at=now)
    events.record(task.organization_id, "task.deleted", "task", task.id, by, now)


def restore(task: Task, by: Actor, now: datetime) -> None:
    update(task, now, Task.deleted_at.is_not(None), deleted_at=None)
    events.record(task.organization_id, "task.restored", "task", task.id, by, now)


# --- executors ----------------------------------------------------------------------------------------------


def download(task: Task, lease: Lease, by: Actor, now: datetime) -> None:
    if task.status != Status.DOWNLOADING:
        _move(task, Status.DOWNLOADING, by, now, lease=lease)


def start(task: Task, lease: Lease, by: Actor, now: datetime) -> None:
    """The permit: nothing runs before this succeeds, so a row is executed at most once. Repeating it is harmless."""
    if task.status == Status.EXECUTING and task.token_hash == hashed(lease.token) and task.lease_seq == lease.seq:
        return
    _move(
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
        _move(
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
    _move(
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
    update(task, now, Task.status == Status.EXECUTING, *lease.guard, progress=percent, progress_text=text[:200] or None)
    events.touch(task.organization_id)


def report(task: Task, lease: Lease, by: Actor, now: datetime, exit_code: int) -> None:
    """The process has ended; its output is still on the way."""
    if task.status != Status.REPORTING:
        _move(task, Status.REPORTING, by, now, lease=lease, reported_at=now, exit_code=exit_code)


def finish(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """The executor's word on how it ended, by the kind's own idea of success.

    A worker's output is already where it stays; an agent's has to arrive first, which is the reporting state.
    """
    if task.status == Status.EXECUTING and task.executor == "agent":
        report(task, lease, by, now, end.exit_code)
    to, reason = verdict(task, end)
    _move(task, to, by, now, lease=lease, **_ending(task, to, reason, end, now))
    _finished(task, by, now)


def fail(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """It never ran, or its executor gave it up."""
    reason = Reason(end.reason) if end.reason in set(Reason) else Reason.INTERNAL_ERROR
    _move(task, Status.FAILED, by, now, lease=lease, **_ending(task, Status.FAILED, reason, end, now))
    _finished(task, by, now)


def stopped(task: Task, lease: Lease, by: Actor, now: datetime, end: End) -> None:
    """The executor confirms that a stop request ended the whole process tree."""
    if task.status in states.UNSTARTED:
        _move(task, Status.CANCELLED, by, now, lease=lease, ended_at=now, token_hash=None)
    else:
        _move(
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
    if task.status != Status.FAILED or task.outcome_known or _overtaken(task):
        return False
    to, reason = verdict(task, end)
    _move(task, to, by, now, Task.outcome_known.is_(False), late=True, **_ending(task, to, reason, end, now))
    for waiting in db.session.scalars(_chain(task).where(Task.status.in_(states.WAITING))):
        _move(waiting, Status.CANCELLED, by, now, ended_at=now, latest=False, event={"reason": "superseded"})
    update(task, now, latest=True)
    _finished(task, by, now, may_retry=False)
    return True


def _ending(task: Task, to: Status, reason: Reason | None, end: End, now: datetime) -> dict[str, Any]:
    return {
        "ended_at": now, "exit_code": end.exit_code, "signal": end.signal, "reason": reason,
        "error": end.error, "traceback": end.traceback, "result": end.result, "outcome_known": end.outcome_known,
        "outcome": kinds.of(task.type).outcome(end.exit_code), "stdout_size": end.stdout_size,
        "stderr_size": end.stderr_size, "dropped_bytes": end.dropped_bytes, "lease_until": None, "unreachable_at": None,
        # The hash stays where the outcome is unknown: it is what proves a late result's origin.
        **({"token_hash": None} if end.outcome_known else {}),
        **({"progress": 100} if to == Status.COMPLETED and task.progress is not None else {}),
    }  # fmt: skip


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
    _move(task, Status.PENDING, by, now, queued_at=now)
    crash_here("released")
    ring([task])


def expire(task: Task, by: Actor, now: datetime, text: str = "Nobody picked it up in time") -> None:
    _move(task, Status.EXPIRED, by, now, ended_at=now, exit_code=states.NEVER_STARTED, event={"text": text})
    _finished(task, by, now)


def skip(task: Task, reason: Reason, by: Actor, now: datetime) -> None:
    _move(task, Status.SKIPPED, by, now, ended_at=now, reason=reason)
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
    _move(
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
    _move(
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
    if may_retry and wants_retry(task):
        due = now + retry_delay(task)
        _next_attempt(task, by, now, due, max_retries=task.max_retries)
        return
    for child in graph.consume(task, now):
        release(child, by, now)


def wants_retry(task: Task) -> bool:
    if (
        task.status != Status.FAILED
        or not task.latest
        or task.retry_number >= task.max_retries
        or task.cancel_requested_at
    ):
        return False
    chosen = task.options.get("retry_on") or kinds.of(task.type).RETRY_ON
    return task.reason in chosen if chosen else task.reason not in NEVER_RETRIED


def retry_delay(task: Task) -> timedelta:
    base = int(task.options.get("retry_delay") or 30) * 2**task.retry_number
    return timedelta(seconds=min(base, LONGEST_RETRY_DELAY) * random.uniform(0.8, 1.2))


COPIED = ("organization_id", "batch_id", "type", "what", "input", "data", "options", "plugin_id", "test_id", "tags",
          "executor", "owner", "target", "agent_id", "agent_name", "definition_id", "group_run_id", "schedule_id",
          "slot_id", "priority", "execution_timeout", "limit_name")  # fmt: skip


def _next_attempt(task: Task, by: Actor, now: datetime, due: datetime, max_retries: int) -> Task:
    number = db.session.scalar(sa.select(sa.func.max(Task.retry_number)).where(_same_chain(task)))
    later = due > now
    attempt = Task(
        **{name: getattr(task, name) for name in COPIED}, uuid=new_uuid(), trigger=Trigger.RETRY,
        original_task_id=task.root_id, retry_number=(number or 0) + 1, max_retries=max_retries, latest=True,
        created_at=now, updated_at=now, created_by_id=by.id, created_by=by.name, moves=1,
        status=Status.SCHEDULED if later else Status.PENDING, not_before=due if later else None,
        queued_at=None if later else now, expires_at=now + kinds.queue_life(task.options),
    )  # fmt: skip
    if attempt.owner == "anyone":
        attempt.agent_id, attempt.agent_name = None, ""
    db.session.add(attempt)
    db.session.flush()
    update(task, now, latest=False)
    note([attempt], None, by, now)
    search.add([attempt])
    ring([attempt])
    return attempt


def _same_chain(task: Task) -> sa.ColumnElement[bool]:
    return sa.or_(Task.id == task.root_id, Task.original_task_id == task.root_id)


def _chain(task: Task) -> sa.Select[Task]:
    return sa.select(Task).where(_same_chain(task), Task.id != task.id)


def _overtaken(task: Task) -> bool:
    """A newer attempt of the chain has started or ended: the older one's news is only evidence."""
    newer = _chain(task).where(Task.retry_number > task.retry_number, Task.status.not_in(states.WAITING))
    return db.session.scalar(newer.limit(1)) is not None


# --- the one way to move ------------------------------------------------------------------------------------


def _move(
    task: Task,
    to: Status,
    by: Actor,
    now: datetime,
    *guards: sa.ColumnElement[bool],
    lease: Lease | None = None,
    event: dict[str, Any] | None = None,
    **values: Any,
) -> None:
    before = task.state
    if to not in states.MOVES[before] or (before in states.FINAL and not values.get("late")):
        raise Refused("illegal", f"This task is {task.looks.label} and cannot become {states.LOOKS[to].label}")
    lease_guard = lease.guard if lease else ()
    update(task, now, Task.status == before, *lease_guard, *guards, status=to, moves=task.moves + 1, **values)
    facts = {"reason": values.get("reason"), "text": values.get("error")} | (event or {})
    note([task], before, by, now, **facts)


def update(task: Task, now: datetime, *guards: sa.ColumnElement[bool], **values: Any) -> None:
    """Zero rows: somebody else was first, or the lease is void."""
    values["updated_at"] = now
    counted, status = task.counted, task.status
    statement = sa.update(Task).where(Task.id == task.id, *guards).values(**values)
    if change(statement) == 0:
        db.session.expire(task)
        raise Refused("stale", f"This task has changed meanwhile. It is now {task.looks.label}")
    became(task, values)
    if counted != task.counted:
        count([(task.organization_id, status, None) if counted else (task.organization_id, None, task.status)])


def became(task: Task, values: dict[str, Any], **more: Any) -> None:
    """The loaded row follows what an UPDATE has just made of the stored one."""
    for name, value in (values | more).items():
        set_committed_value(task, name, value)


def note(tasks: Sequence[Task], before: Status | None, by: Actor, now: datetime, **facts: Any) -> None:
    """The event and the counts of a move that these tasks made together."""
    note_each([(task, by) for task in tasks], before, now, **facts)


def note_each(moved: Sequence[tuple[Task, Actor]], before: Status | None, now: datetime, **facts: Any) -> None:
    """The same where each was moved by somebody else."""
    events.record_all(
        events.row(
            task.organization_id,
            "task.moved" if before else "task.created",
            "task",
            task.id,
            by,
            now,
            seq=task.moves,
            before=before,
            after=task.status,
            **facts,
        )
        for task, by in moved
    )
    tasks = [task for task, _ in moved]
    count((task.organization_id, before, task.status) for task in tasks if task.counted)
    _count_ends(tasks, before, now)


def count(moves: Iterable[tuple[int, str | None, str | None]]) -> None:
    """Lists count the latest attempt of each chain, unless it was deleted."""
    sums: dict[tuple[int, str], int] = {}
    for organization_id, before, after in moves:
        if before:
            sums[organization_id, before] = sums.get((organization_id, before), 0) - 1
        if after:
            sums[organization_id, after] = sums.get((organization_id, after), 0) + 1
    rows = [{"organization_id": o, "status": s, "delta": d} for (o, s), d in sums.items() if d]
    if rows:
        insert(Count, rows)


def _count_ends(tasks: Sequence[Task], before: Status | None, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = []
    for task in tasks:
        if task.status in states.FINAL:
            rows.append({"organization_id": task.organization_id, "hour": hour, "status": task.status, "delta": 1})
        if before in states.FINAL:  # what was inferred has turned out to be something else
            rows.append({"organization_id": task.organization_id, "hour": hour, "status": before, "delta": -1})
    if rows:
        insert(Ended, rows)


def ring(tasks: Iterable[Task]) -> None:
    """After the commit: tell workers, and the agents that may take one of these."""
    ready = [task for task in tasks if task.status == Status.PENDING]
    if any(task.executor == "worker" for task in ready):
        queue.ring_after_commit(db.session)
    wake.agents_after_commit([task for task in ready if task.executor == "agent"])
