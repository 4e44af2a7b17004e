"""What somebody must be allowed to do beside making schedules."""

from __future__ import annotations

from webapp.access.guards import may
from webapp.access.permissions import Permission


def may_run(task_type: str, organization_id: int) -> None:
    """A schedule runs without asking again: nobody schedules what they may not run."""
    command = task_type == "execute_command"
    may(Permission.TASKS_COMMAND if command else Permission.TASKS_CREATE, org_id=organization_id)
