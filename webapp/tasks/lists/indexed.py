"""Conditions that a partial index of the tasks answers, so that a question about the few open ones costs the same after
a million that have ended."""

from __future__ import annotations

import sqlalchemy as sa

from webapp.tasks import states
from webapp.tasks.models import Task
from webapp.tasks.states import Status


def _one_of(*statuses: Status) -> sa.ColumnElement[bool]:
    """Written into the statement in the order of the index: SQLite knows a partial index by the words of its condition."""
    return Task.status.in_(sa.bindparam("statuses", statuses, expanding=True, literal_execute=True, unique=True))


LEASED = _one_of(Status.ASSIGNED, Status.DOWNLOADING, Status.EXECUTING, Status.REPORTING)
WAITING = _one_of(Status.BLOCKED, Status.SCHEDULED, Status.PENDING)
STARTED = sa.and_(LEASED, Task.status.in_(states.STARTED))
UNSTARTED = sa.and_(LEASED, Task.status.in_(states.UNSTARTED))
