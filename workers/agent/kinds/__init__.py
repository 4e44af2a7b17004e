"""The kinds of task that this agent runs, one file each.

A kind has either `prepared(work)`, a context manager that yields the `job.Program` for a runner; or, for what the agent
does to itself, `run(work)` and `resumed(work)`, which return how it ended. None: that is known after a restart only.
"""

from . import command, plugin, test, uninstall, update

KINDS = {
    "execute_command": command,
    "execute_test": test,
    "plugin": plugin,
    "update_agent": update,
    "uninstall": uninstall,
}
