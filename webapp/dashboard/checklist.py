"""The first steps of a newcomer: each ticks itself when it has really happened."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.access.permissions import Permission
from webapp.language import N_


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
    Step("account", N_("Secure your account"), N_("Choose a password that only you know."), "/me/password", N_("Password"),
         Permission.TASKS_CREATE),
    Step("seen", N_("See a task run"), N_("Samples run on this machine from the first start. Open one and read its output."), "/tasks",
         N_("Tasks"), Permission.TASKS_CREATE),
    Step("own", N_("Run your own task"), N_("A plugin, a command or a test, on this server or a host."), "/tasks/new", N_("New task"),
         Permission.TASKS_CREATE),
    Step("retried", N_("Understand a failure"), N_("Open one that failed, read why, and run it again."), "/tasks?status=failed",
         N_("Failed tasks"), Permission.TASKS_CREATE),
    Step("scheduled", N_("Schedule it"), N_("Any task can run by itself, with a preview of its next times."), "/tasks/schedules",
         N_("Schedules"), Permission.SCHEDULES_WRITE),
    Step("agent", N_("Connect another host"), N_("One command installs the agent and the page shows it arrive."), "/agents",
         N_("Agents"), Permission.AGENTS_WRITE),
    Step("colleague", N_("Invite a colleague"), N_("With a role that says what they may do here."), "/admin/users/new", N_("New user"),
         Permission.USERS_WRITE),
)  # fmt: skip


def steps(done: set[str], allowed: set[Permission]) -> list[Step]:
    """Those that this person may do; empty when all are done."""
    mine = [Step(**(step.__dict__ | {"done": step.key in done})) for step in STEPS if step.permission in allowed]
    return [] if all(step.done for step in mine) else mine
