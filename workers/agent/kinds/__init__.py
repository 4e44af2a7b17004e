"""The kinds of task that this agent runs, one file each.

A kind has either `prepared(work)`, a context manager that yields the `job.Program` for a runner, or `run(work)`, for what
the agent does to itself; `run` returns only when the end is recorded.
"""

from . import command, plugin, test, uninstall, update

KINDS = {
    "execute_command": command,
    "execute_test": test,
    "plugin": plugin,
    "update_agent": update,
    "uninstall": uninstall,
}
