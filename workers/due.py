"""Whether a chore has anything to do: questions that read one entry of an index each, so that a loop can ask all of
them in one statement where each chore would open a transaction of its own.

A question may say yes too often, never no while there is something to do.
"""

from __future__ import annotations

import sqlalchemy as sa

from webapp.access.models import Audit
from webapp.calendars.models import Calendar
from webapp.db import UtcDateTime
from webapp.events import Event
from webapp.schedules.models import Schedule, Slot
from webapp.tasks.bulk.models import Bite
from webapp.tasks.lists.indexed import LEASED, WAITING
from webapp.tasks.models import Task

Question = sa.ColumnElement[bool]

NOW: sa.BindParameter[object] = sa.bindparam("now", type_=UtcDateTime())

SCHEDULES = sa.exists().where(Schedule.due_at <= NOW)
SLOTS = sa.exists().where(Slot.look_at <= NOW)
CALENDARS = sa.exists().where(Calendar.changed_at <= NOW)
SCHEDULED_TASKS = sa.exists().where(Task.status == sa.literal_column("'scheduled'"), Task.not_before <= NOW)
UNRESOLVED_TASKS = sa.exists().where(
    Task.status == sa.literal_column("'pending'"), Task.executor == "agent", Task.agent_id.is_(None)
)
EXPIRED_TASKS = sa.exists().where(WAITING, Task.expires_at < NOW)
LEASED_TASKS = sa.exists().where(LEASED)
OPEN_TASKS = sa.or_(LEASED_TASKS, sa.exists().where(WAITING))
OPERATIONS = sa.exists().where(Bite.done_at.is_(None))
AWAITED = sa.exists().where(Event.handled_at.is_(None))
UNCHAINED = sa.exists().where(Audit.hash.is_(None))
