"""What must always be true of tasks, whatever was killed: asked of the rows, and of the files and processes beside them.

`muster doctor` asks it of an installation, the fault runs after every storm. A violation is a bug of ours, never a
user's fault. Each question looks at the tasks from `since` on, so that a long history can be spared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from webapp.events import Event
from webapp.files import store
from webapp.files.models import File
from webapp.processes import survivors
from webapp.tasks import states
from webapp.tasks.log import output
from webapp.tasks.models import Batch, BatchCount, Count, Edge, LateResult, Task
from webapp.tasks.notes.models import Note
from webapp.tasks.states import MOVES, Status

MOST = 50  # violations told of one invariant: the first ones are enough to look for the cause


@dataclass(frozen=True)
class Violation:
    invariant: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: {self.text}"


Question = Callable[..., list[Violation]]


def check(session: Session, data: Path, since: int = 0) -> list[Violation]:
    """All of them."""
    found = [violation for question in OF_ROWS for violation in question(session, since)]
    return found + [violation for question in OF_FILES for violation in question(session, data, since)]


def newest(session: Session, count: int) -> int:
    """The id from which on there are at most so many tasks."""
    last = session.scalar(sa.select(sa.func.max(Task.id))) or 0
    return max(0, last - count + 1)


# --- rows ---------------------------------------------------------------------------------------------------


def chains(session: Session, since: int = 0) -> list[Violation]:
    """Inv1: a chain numbers its attempts without holes, has one latest, and only its newest may be open."""
    root = sa.func.coalesce(Task.original_task_id, Task.id)
    newest_open = sa.func.max(sa.case((Task.status.in_(states.OPEN), Task.retry_number), else_=-1))
    oldest_open = sa.func.min(sa.case((Task.status.in_(states.OPEN), Task.retry_number), else_=2**30))
    last, attempts = sa.func.max(Task.retry_number), sa.func.count()
    latest = sa.func.sum(sa.case((Task.latest, 1), else_=0))
    asked = (
        sa.select(root, attempts, last, latest)
        .group_by(root)
        .having(
            sa.or_(
                last != attempts - 1,
                latest != 1,
                sa.and_(newest_open >= 0, sa.or_(newest_open != last, oldest_open != last)),
            )
        )
        .having(root >= since)
    )
    return [
        Violation("Inv1", f"chain {row[0]}", f"{row[1]} attempts up to number {row[2]}, {row[3]} of them latest")
        for row in _first(session, asked)
    ]


def starts(session: Session, since: int = 0) -> list[Violation]:
    """Inv2: a row is started at most once, a completed one exactly once, and it knows when."""
    begun = sa.func.count(Event.id)
    asked = (
        sa.select(Task.id, Task.status, begun)
        .outerjoin(Event, sa.and_(_of_task(), Event.after == Status.EXECUTING))
        .where(Task.id >= since)
        .group_by(Task.id, Task.status, Task.started_at)
        .having(
            sa.or_(
                begun > 1,
                sa.and_(begun == 0, Task.status == Status.COMPLETED),
                (begun == 1) != Task.started_at.is_not(None),
            )
        )
    )
    return [Violation("Inv2", f"task {row[0]}", f"{row[1]}, started {row[2]} times") for row in _first(session, asked)]


def histories(session: Session, since: int = 0) -> list[Violation]:
    """Inv3: numbered without holes, ending where the row is."""
    last = aliased(Event)
    steps, highest = sa.func.count(Event.id), sa.func.max(Event.seq)
    asked = (
        sa.select(Task.id, Task.status, Task.moves, steps, highest)
        .outerjoin(Event, sa.and_(_of_task(), Event.seq.is_not(None)))
        .outerjoin(last, sa.and_(last.subject == "task", last.subject_id == Task.id, last.seq == Task.moves))
        .where(Task.id >= since)
        .group_by(Task.id, Task.status, Task.moves, last.after)
        .having(
            sa.or_(
                steps != Task.moves,
                highest != Task.moves,
                last.after.is_(None),
                last.after != sa.cast(Task.status, sa.String),
            )
        )
    )
    return [
        Violation(
            "Inv3", f"task {row[0]}", f"{row[1]} after {row[2]} moves, with {row[3]} events up to number {row[4]}"
        )
        for row in _first(session, asked)
    ]


def moves(session: Session, since: int = 0) -> list[Violation]:
    """Inv3: each step is one that the table of moves allows, and begins where the one before ended."""
    before = aliased(Event)
    legal = [sa.and_(Event.before == a, Event.after.in_(sorted(MOVES[a]))) for a in sorted(MOVES) if MOVES[a]]
    first = sa.and_(Event.before.is_(None), Event.seq == 1, Event.after.in_(sorted(states.WAITING)))
    asked = (
        sa.select(Event.subject_id, Event.seq, Event.before, Event.after)
        .outerjoin(
            before,
            sa.and_(before.subject == "task", before.subject_id == Event.subject_id, before.seq == Event.seq - 1),
        )
        .where(Event.subject == "task", Event.seq.is_not(None), Event.subject_id >= since)
        .where(sa.or_(sa.not_(sa.or_(first, *legal)), sa.and_(Event.seq > 1, before.after != Event.before)))
    )
    return [
        Violation("Inv3", f"task {row[0]}", f"step {row[1]}: {row[2]} → {row[3]}") for row in _first(session, asked)
    ]


def leases(session: Session, since: int = 0) -> list[Violation]:
    """Inv4: who works on a row holds its one lease; nobody holds one on a row that waits or has a known end."""
    claims = (
        sa.select(sa.func.count())
        .select_from(Event)
        .where(_of_task(), Event.after == Status.ASSIGNED)
        .correlate(Task)
        .scalar_subquery()
    )
    held = sa.and_(Task.token_hash.is_not(None), Task.lease_until.is_not(None), Task.claimed_by.is_not(None))
    asked = sa.select(Task.id, Task.status, Task.lease_seq, claims).where(
        Task.id >= since,
        sa.or_(
            Task.lease_seq != claims,
            sa.and_(Task.status.in_(states.LEASED), sa.not_(held)),
            sa.and_(Task.status.in_(states.WAITING), Task.token_hash.is_not(None)),
            sa.and_(Task.status.in_(states.FINAL), Task.outcome_known, Task.token_hash.is_not(None)),
        ),
    )
    return [
        Violation("Inv4", f"task {row[0]}", f"{row[1]} with lease {row[2]} after {row[3]} claims")
        for row in _first(session, asked)
    ]


def ends(session: Session, since: int = 0) -> list[Violation]:
    """Inv4: a final row says when it ended, a failed or skipped one (and no other) why, a terminated one who asked for it."""
    asked = sa.select(Task.id, Task.status).where(
        Task.id >= since,
        sa.or_(
            Task.status.in_(states.FINAL) != Task.ended_at.is_not(None),
            Task.status.in_(states.EXPLAINED) != Task.reason.is_not(None),
            sa.and_(Task.status == Status.TERMINATED, Task.cancel_requested_by.is_(None)),
        ),
    )
    return [
        Violation("Inv4", f"task {row[0]}", f"{row[1]} without all that belongs to it")
        for row in _first(session, asked)
    ]


def counters(session: Session, since: int = 0) -> list[Violation]:
    """Inv3: the counts that pages show add up to the rows."""
    return [
        *_miscounted(session, Count, ("organization_id", "status")),
        *_miscounted(session, BatchCount, ("organization_id", "batch_id", "status"), Task.crowd.is_(True)),
    ]


def _miscounted(
    session: Session, kept: type[Count] | type[BatchCount], names: tuple[str, ...], *which: sa.ColumnElement[bool]
) -> list[Violation]:
    told, true = ([getattr(model, name) for name in names] for model in (kept, Task))
    sums = sa.select(*told, sa.func.sum(kept.delta)).group_by(*told)
    rows = sa.select(*true, sa.func.count()).where(Task.latest, Task.deleted_at.is_(None), *which).group_by(*true)
    shown, found = (
        {tuple(row[:-1]): int(row[-1]) for row in session.execute(each) if row[-1]} for each in (sums, rows)
    )
    return [
        Violation("Inv3", f"count {key[-1]}", f"{shown.get(key, 0)} shown, {found.get(key, 0)} rows")
        for key in sorted(shown.keys() | found.keys())
        if shown.get(key, 0) != found.get(key, 0)
    ]


def organizations(session: Session, since: int = 0) -> list[Violation]:
    """Inv11: what belongs to a task belongs to its organisation."""
    root, child = aliased(Task), aliased(Task)
    pairs: list[tuple[str, type[Any], sa.ColumnElement[bool]]] = [
        ("batch", Batch, Batch.id == Task.batch_id),
        ("event", Event, _of_task()),
        ("file", File, File.task_id == Task.id),
        ("note", Note, Note.task_id == Task.id),
        ("late result", LateResult, LateResult.task_id == Task.id),
        ("edge", Edge, Edge.parent_id == Task.id),
        ("first attempt", root, root.id == Task.original_task_id),  # type: ignore[list-item]
    ]
    found = []
    for name, model, joined in pairs:
        asked = sa.select(Task.id).join(model, joined).where(Task.id >= since)
        for row in _first(session, asked.where(model.organization_id != Task.organization_id)):
            found.append(Violation("Inv11", f"task {row[0]}", f"its {name} belongs to another organization"))
    crossing = sa.select(Edge.id).join(Task, Task.id == Edge.parent_id).join(child, child.id == Edge.child_id)
    crossing = crossing.where(Task.id >= since, child.organization_id != Task.organization_id)
    return found + [
        Violation("Inv11", f"edge {row[0]}", "joins two organizations") for row in _first(session, crossing)
    ]


# --- files and processes ------------------------------------------------------------------------------------


def outputs(session: Session, data: Path, since: int = 0) -> list[Violation]:
    """Inv6: of a run whose end is known, the kept output is as long as its executor said."""
    asked = sa.select(Task.id, Task.uuid, Task.stdout_size, Task.stderr_size).where(
        Task.id >= since,
        Task.status.in_((Status.COMPLETED, Status.FAILED)),
        Task.started_at.is_not(None),
        Task.outcome_known,
    )
    found = []
    for row in session.execute(asked):
        folder = output.folder(data, row.uuid)
        if not folder.is_dir():
            continue  # retention has removed it, or nothing was printed
        kept = output.sizes(folder)
        if (kept["stdout"], kept["stderr"]) != (row.stdout_size, row.stderr_size):
            text = f"{kept['stdout']} + {kept['stderr']} bytes kept, {row.stdout_size} + {row.stderr_size} told"
            found.append(Violation("Inv6", f"task {row.id}", text))
    return found[:MOST]


def files(session: Session, data: Path, since: int = 0) -> list[Violation]:
    """Inv11: every file that a row names is there in its full size."""
    asked = sa.select(File.id, File.organization_id, File.uuid, File.size).where(
        File.deleted_at.is_(None), sa.or_(File.task_id.is_(None), File.task_id >= since)
    )
    found = []
    for row in session.execute(asked):
        path = store.path_of(data, row.organization_id, row.uuid)
        size = path.stat().st_size if path.is_file() else None
        if size != row.size:
            found.append(
                Violation("Inv11", f"file {row.id}", f"{'gone' if size is None else size}, {row.size} bytes told")
            )
    return found[:MOST]


def processes(session: Session, _data: Path, since: int = 0) -> list[Violation]:
    """Inv10: no process of this host goes on for a task that has ended."""
    alive = dict(survivors.of_tasks())
    uuids = sorted(set(alive.values()))
    ended = sa.select(Task.uuid).where(Task.uuid.in_(uuids), Task.status.in_(states.FINAL), Task.id >= since)
    gone = set(session.scalars(ended)) if uuids else set()
    # Looked at twice: a task may end between the look at the processes and the one at the rows.
    return [
        Violation("Inv10", f"process {pid}", f"still runs for the ended task {uuid}")
        for pid, uuid in sorted(alive.items())
        if uuid in gone and survivors.of(pid) == uuid
    ][:MOST]


def _of_task() -> sa.ColumnElement[bool]:
    return sa.and_(Event.subject == "task", Event.subject_id == Task.id)


def _first(session: Session, asked: sa.Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.execute(asked.limit(MOST))]


OF_ROWS: tuple[Question, ...] = (chains, starts, histories, moves, leases, ends, counters, organizations)
OF_FILES: tuple[Question, ...] = (outputs, files, processes)
