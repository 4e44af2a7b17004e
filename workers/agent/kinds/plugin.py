"""A Python plugin: a signed bundle, or a function from the agent's plugins folder or an installed module."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import download
from ..job import Program
from ..signed import Refused

if TYPE_CHECKING:
    from ..work import Work

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")


@contextmanager
def prepared(work: "Work") -> Iterator[Program]:
    plugin = _plugin(work.task.data, work.host.work.path("plugins"))
    if work.task.manifest is None:
        yield Program(plugin=plugin)
        return
    with download.payload(work, str(work.task.data.get("plugin_id"))) as payload:
        start = payload.start()
        plugin["path"], plugin["bundle"] = start.executable, next(iter(start.pass_fds), -1)
        yield Program(plugin=plugin, pass_fds=start.pass_fds, recheck=payload.require_intact)


def _plugin(data: dict[str, Any], path: str) -> dict[str, Any]:
    module, action = data.get("module") or data.get("plugin_id"), data.get("action") or "run"
    args, kwargs = data.get("args") or [], data.get("kwargs") or {}
    if not isinstance(module, str) or not _MODULE.match(module):
        raise Refused("invalid_input", f"{module!r} is not the name of a plugin.")
    if not isinstance(action, str) or not action.isidentifier() or action.startswith("_"):
        raise Refused("invalid_input", f"{action!r} is not the name of an action.")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise Refused("invalid_input", "args must be a list and kwargs an object.")
    if not args and data.get("input_data") is not None:
        args = [data["input_data"]]
    return {"module": module, "action": action, "args": args, "kwargs": kwargs, "call": data, "path": path,
            "bundle": None}  # fmt: skip
