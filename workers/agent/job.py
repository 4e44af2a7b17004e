"""What a runner is told to run: a program, and around it user, folder and environment."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from .folder import TaskFolder
from .protocol import KILL_GRACE_S, LOG_QUOTA, MAX_RESULT
from .signed import Refused

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass
class Program:
    argv: Sequence[str] = ()
    executable: Optional[int] = None  # the open file that was verified
    plugin: Optional[dict[str, Any]] = None  # instead of argv, see plugin_host.py
    pass_fds: Sequence[int] = ()
    recheck: Callable[[], object] = field(default=lambda: None)  # once more, right before the start


def orders(folder: TaskFolder, program: Program) -> dict[str, Any]:
    """For the runner; makes the folder that the task runs in."""
    options = folder.task.options
    user = _user(options.run_as)
    scratch = folder.make_scratch(user.pw_uid, user.pw_gid)
    result = {"result": os.path.join(scratch, "result.json"), "max_result": MAX_RESULT}
    plugin = program.plugin and {**program.plugin, **result}
    return {
        "argv": list(program.argv), "executable": program.executable, "plugin": plugin,
        "cwd": options.cwd or scratch, "env": _environment(folder, scratch, user), "run_as": options.run_as,
        "timeout": options.execution_timeout, "grace": KILL_GRACE_S, "max_output": _bounded(options.max_output),
    }  # fmt: skip


def _bounded(limit: Optional[int]) -> int:
    return LOG_QUOTA if limit is None else min(max(limit, 0), LOG_QUOTA)


def _user(name: Optional[str]) -> Any:
    try:
        return pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
    except KeyError:
        if name:
            raise Refused("run_as_failed", f"There is no user {name!r} on this host.") from None
        return pwd.struct_passwd([str(os.geteuid()), "x", os.geteuid(), os.getegid(), "", "/", "/bin/sh"])


def _environment(folder: TaskFolder, scratch: str, user: Any) -> dict[str, str]:
    """Clean: nothing of the agent's own but what concerns the host."""
    task = folder.task
    own = user.pw_uid == os.geteuid()
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        "LANG": "C.UTF-8", **kept,
        "PATH": os.environ.get("PATH", _PATH) if own else _PATH,
        "HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell or "/bin/sh",
        **task.options.env,
        "MUSTER_TASK_ID": task.task_id, "MUSTER_OUT": os.path.join(scratch, "out"),
    }  # fmt: skip


def texts(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused("invalid_input", f"{what} must be a list of texts.")
    return value
