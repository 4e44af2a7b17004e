"""The first steps of a newcomer: each ticks itself when it has really happened."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.access.permissions import Permission


@dataclass(frozen=True)
class Step:
    key: str
    label: str
    why: str
    href: str
    verb: str
    permission: Permission
    done: bool = False


STEPS = (
    Step("seen", "See a task run", "Samples run on this machine from the first start.", "/tasks", "Tasks", Permission.TASKS_READ),
    Step("own", "Run your own task", "A plugin, a command or a test, on this server or a host.", "/tasks/new", "New task",
         Permission.TASKS_CREATE),
    Step("retried", "Understand a failure", "Open one that failed, read why, and run it again.", "/tasks?status=failed",
         "Failed tasks", Permission.TASKS_CREATE),
    Step("scheduled", "Schedule it", "Any task can run by itself, with a preview of its next times.", "/tasks/schedules",
         "Schedules", Permission.SCHEDULES_WRITE),
    Step("agent", "Connect another host", "One command installs the agent and the page shows it arrive.", "/agents",
         "Agents", Permission.AGENTS_WRITE),
)  # fmt: skip


def steps(done: set[str], allowed: set[Permission]) -> list[Step]:
    """Those that this person may do; empty when all are done."""
    mine = [Step(**(step.__dict__ | {"done": step.key in done})) for step in STEPS if step.permission in allowed]
    return [] if all(step.done for step in mine) else mine
