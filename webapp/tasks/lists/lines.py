"""What a list shows: batches with their counts, tasks as plain columns, and a page of either."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp.language import _
from webapp.tasks.answers import Answers
from webapp.tasks.models import Batch, Task
from webapp.tasks.states import BAD, FINAL, LOOKS, OPEN, Status

TOLD = sorted(Status, key=lambda status: status != Status.COMPLETED)  # how a batch is summed up

# What a row says in a line of text; the rest stays where it is.
ERROR = sa.func.substr(Task.error, 1, 300).label("error")
TARGET = sa.case((Task.agent_name == "", sa.cast(Task.target, sa.Text)), else_=None).label("target_text")
COLUMNS = (
    Task.id, Task.uuid, Task.batch_id, Task.organization_id, Task.type, Task.what, Task.input, Task.executor, Task.owner,
    TARGET, Task.agent_name, Task.status, Task.trigger, Task.retry_number, Task.max_retries, Task.original_task_id,
    Task.latest, Task.created_at, Task.started_at, Task.ended_at, Task.cancel_requested_at, Task.exit_code, Task.outcome,
    Task.reason, ERROR, Task.late, Task.progress, Task.progress_text, Task.note_count, Task.created_by,
    Task.unreachable_at, Task.deleted_at, Task.plugin_id,
)  # fmt: skip
NAMES = [column.key for column in COLUMNS]
COUNTED = (Task.deleted_at.is_(None), Task.latest.is_(True))


class Head(NamedTuple):
    """A batch without its spec, which may list a hundred thousand inputs."""

    id: int
    uuid: str
    organization_id: int
    type: str
    what: str
    trigger: str
    total: int | None
    created_at: datetime
    created_by: str


class Row(Answers):
    """A task as lists show it: plain columns, which are read three times as fast as rows that can be changed.

    Two with the same values are equal, so that what was made of one can be kept for the other.
    """

    type: str
    batch_id: int
    plugin_id: str | None
    target_text: str | None

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)
        self.__dict__.update(zip(NAMES, self.values, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    @property
    def target(self) -> Any:
        return json.loads(self.target_text or "{}")


@dataclass
class Line:
    """A row of the list: a batch with its counts, and its only task when there is one."""

    batch: Batch | Head
    counts: dict[str, int]
    task: Row | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return sum(self.of(FINAL))

    @property
    def open(self) -> int:
        return sum(self.of(OPEN))

    @property
    def failed(self) -> int:
        return sum(self.of(BAD))

    def of(self, statuses: Iterable[Status]) -> Iterable[int]:
        return (self.counts.get(status, 0) for status in statuses)

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Its bar: how many have each tone, the worst first."""
        tones = dict.fromkeys(("danger", "warning", "active", "info", "violet", "neutral", "success"), 0)
        for status, number in self.counts.items():
            tones[LOOKS[Status(status)].tone] += number
        return [(tone, number) for tone, number in tones.items() if number]

    @property
    def words(self) -> str:
        """7 completed · 2 running · 1 failed"""
        told = [(self.counts.get(status, 0), _(LOOKS[status].label).lower()) for status in TOLD]
        return " · ".join(f"{number} {label}" for number, label in told if number)


class Group(NamedTuple):
    """Single tasks of one agent or plugin, with the filter that selects these; without a name, simply tasks."""

    name: str
    key: str
    value: str
    tasks: list[Row]


@dataclass
class Page:
    """Batches, or groups of single tasks."""

    lines: list[Line] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    newer: int | None = None  # cursor of the page with newer ones
    older: int | None = None

    @property
    def newest(self) -> int:
        """The batch that stands first, or 0."""
        if self.groups:
            return self.groups[0].tasks[0].batch_id
        return self.lines[0].batch.id if self.lines else 0

    @property
    def batches(self) -> list[int]:
        return [line.batch.id for line in self.lines] or [t.batch_id for group in self.groups for t in group.tasks]

    def failed_since(self, moment: datetime) -> int:
        tasks = (task for group in self.groups for task in group.tasks)
        failed = [line.batch.created_at for line in self.lines if line.failed]
        return sum(created > moment for created in [*failed, *(t.created_at for t in tasks if t.status in BAD)])
