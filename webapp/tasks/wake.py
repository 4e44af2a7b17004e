"""Telling agents that there is work, or that something must stop. Only a hint: polling finds it too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from webapp import queue
from webapp.db import db
from webapp.tasks.models import Task

CHANNEL = "muster:wake"


def agents_after_commit(tasks: Sequence[Task]) -> None:
    """One message an organisation: the agents that were named, or all of them where any may take it."""
    by_organization: dict[int, set[int]] = {}
    for task in tasks:
        by_organization.setdefault(task.organization_id, set()).add(task.agent_id or 0)
    for organization_id, agents in by_organization.items():
        text = json.dumps({"org": organization_id, "agents": [] if 0 in agents else sorted(agents)})
        queue.after_commit(db.session, partial(queue.publish, CHANNEL, text))
