"""Tags that people put on tasks, beside those of the agents that ran them."""

from __future__ import annotations

from datetime import datetime

from webapp import events
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from webapp.tasks import moves
from webapp.tasks.models import Task

LONGEST = 64
MOST = 20


def add(task: Task, by: Actor, now: datetime, tag: str) -> None:
    if tag in task.tags:
        raise Refused("tagged", _('This task has the tag "%(tag)s" already', tag=tag))
    if len(task.tags) >= MOST:
        raise Refused("tags", _("A task has at most %(most)s tags", most=MOST))
    moves.update(task, now, tags=[*task.tags, tag])
    events.record(task.organization_id, "task.tagged", "task", task.id, by, now, text=tag)
