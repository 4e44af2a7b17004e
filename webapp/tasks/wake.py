"""Telling agents that there is work, or that something must stop. Only a hint: polling finds it too."""

from __future__ import annotations

from collections.abc import Sequence

from webapp.agents import wake
from webapp.agents.wake import BEAT as BEAT
from webapp.agents.wake import CHANNEL as CHANNEL
from webapp.agents.wake import CLAIM
from webapp.tasks.models import Task


def agents_after_commit(tasks: Sequence[Task], word: str = CLAIM) -> None:
    """One message an organisation: the agents that were named, or all of them where any may take it."""
    by_organization: dict[int, set[int]] = {}
    for task in tasks:
        by_organization.setdefault(task.organization_id, set()).add(task.agent_id or 0)
    for organization_id, agents in by_organization.items():
        wake.after_commit(organization_id, [] if 0 in agents else agents, word)
