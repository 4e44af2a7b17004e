"""What `status` and `queue` show: a small file that the running agent rewrites with every heartbeat."""

import json
import os
import time
from typing import TYPE_CHECKING, Any

from . import protocol
from .disk import read_json
from .spool import Spool
from .state import NotEnrolled, WorkDir

if TYPE_CHECKING:
    from .loop import Agent

_NAME = "status.json"


def write_status(agent: "Agent") -> None:
    """Not forced to the disk: it is worth nothing once the process has gone."""
    now = time.monotonic()
    heard = agent.heart.heard_at
    value = {
        "pid": os.getpid(), "version": protocol.VERSION, "trouble": agent.heart.trouble, "paused": agent.paused,
        "heard_s_ago": round(now - heard, 1) if heard else None, "written_at": time.time(),
        "clock_skew_s": round(agent.clock.skew_s, 1), "capacity": agent.capacity,
        "running": [{"task_id": work.task_id, "type": work.task.type, "state": work.state,
                     "elapsed_s": work.folder.elapsed_ms // 1000} for work in agent.held.values()],
    }  # fmt: skip
    path = agent.work.path(_NAME)
    with open(path + ".new", "w", encoding="utf-8", opener=_private) as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def read_status(work: WorkDir) -> dict[str, Any]:
    try:
        identity = work.load_identity()
    except NotEnrolled:
        return {"enrolled": False, "work_dir": work.root}
    pid = work.locked_by()
    known = read_json(work.path(_NAME)) or {}
    live = known if pid is not None and known.get("pid") == pid else {}
    if live.get("heard_s_ago") is not None:
        live["heard_s_ago"] = round(live["heard_s_ago"] + time.time() - live["written_at"], 1)
    spool = Spool(work)
    return {
        "enrolled": True,
        "work_dir": work.root,
        "server": identity.server,
        "agent_id": identity.agent_id,
        "pid": pid,
        "queue": spool.count(),
        "rejected": spool.rejected_count(),
        **live,
    }


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
