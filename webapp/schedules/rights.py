"""What somebody must be allowed to do beside making schedules."""

from __future__ import annotations

from webapp.access.guards import may
from webapp.tasks import kinds


def may_run(task_type: str, organization_id: int) -> None:
    """A schedule runs without asking again: nobody schedules what they may not run."""
    may(kinds.needed(task_type), org_id=organization_id)
