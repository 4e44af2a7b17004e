"""The process that runs one task. It belongs to nobody: the agent may be killed or replaced while it goes on.

It waits for its orders on stdin, and an end of stdin before them means that nothing is to run. Afterwards a word
in the pipe `control` cancels. What it has to say is in the task's folder.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Optional

from . import tree
from .capture import NAMES
from .disk import write_json
from .record import CANCELLED, NEVER_STARTED, ExitRecord, RecordFile
from .supervise import Job, Supervisor


def main(path: str) -> None:
    folder = Path(path)
    os.mkfifo(folder / "control", 0o600)
    # Open for both ends: so it never ends, whichever agents come and go.
    control = os.open(folder / "control", os.O_RDWR | os.O_NONBLOCK)
    write_json(str(folder / "runner.json"), tree.identify(os.getpid()), durable=False)
    orders = _orders()
    refused = _refused(folder, orders)
    if refused:
        RecordFile(folder / "exit.json").write(refused)
        return
    job = _job(folder, orders["job"], orders["secrets"])
    write_json(str(folder / "started"), time.monotonic(), durable=False)
    Supervisor(job, control).run()


def _orders() -> Any:
    line = sys.stdin.buffer.readline()
    sys.stdin.close()
    return json.loads(line) if line.endswith(b"\n") else None


def _refused(folder: Path, orders: Any) -> Optional[ExitRecord]:
    if (folder / "cancel").exists():
        return ExitRecord(CANCELLED, reason="cancelled", error="cancelled before the start")
    if orders is None:
        return ExitRecord(NEVER_STARTED, reason="agent_offline", error="the agent was stopped before the start")
    if time.monotonic() >= orders["lease_until"]:
        return ExitRecord(NEVER_STARTED, reason="agent_offline", error="the lease ended before the start")
    return None


def _job(folder: Path, wanted: dict[str, Any], secrets: dict[str, str]) -> Job:
    plugin = wanted["plugin"]
    return Job(
        output=folder,
        record=folder / "exit.json",
        cwd=Path(wanted["cwd"]),
        argv=wanted["argv"],
        body=_body(plugin, secrets) if plugin else None,
        env={**wanted["env"], **_environment(secrets)},
        executable=wanted["executable"],
        keep=[plugin["bundle"]] if plugin and plugin["bundle"] is not None else [],
        run_as=wanted["run_as"],
        timeout=wanted["timeout"],
        grace=wanted["grace"],
        max_output=wanted["max_output"],
        umask=0o022,
        mask=_mask(list(secrets.values())),
        tidy=_tidy(wanted["env"]["MUSTER_OUT"], list(secrets.values())),
        lost_reason="agent_offline",
    )


# What most tasks do without is imported only for those that need it: a runner starts in half the time.


def _environment(secrets: dict[str, str]) -> dict[str, str]:
    if not secrets:
        return {}
    from .protocol import PARAMETER, SETTING

    return {name: value for name, value in secrets.items() if not name.startswith((PARAMETER, SETTING))}


def _body(plugin: dict[str, Any], secrets: dict[str, str]) -> Callable[[Callable[..., None]], int]:
    from . import plugin_host
    from .protocol import PARAMETER, SETTING

    settings, parameters = (
        {name[len(kind) :]: value for name, value in secrets.items() if name.startswith(kind)}
        for kind in (SETTING, PARAMETER)
    )
    return plugin_host.body(plugin, settings, parameters, list(secrets.values()))


def _tidy(out: str, secrets: list[str]) -> Optional[Callable[[], None]]:
    if not secrets:
        return None
    from .mask import files_in, in_file
    from .protocol import JOURNAL

    def tidy() -> None:
        files_in(out, secrets)
        in_file(os.path.join(os.path.dirname(out), JOURNAL), secrets)  # that of a program, which masks nothing itself

    return tidy


def _mask(secrets: list[str]) -> Optional[Callable[[int, bytes, bool], bytes]]:
    if not secrets:
        return None
    from .mask import of_streams

    return of_streams(secrets, NAMES)
