"""The agent beside the server: enrols once with a token that a new database left for it, then runs like any other."""

import os
import sys
import time
from pathlib import Path

import structlog

from webapp.config import Settings, web_url

TOKEN = "enrolment-token"  # the file that holds it
GRACE_SECONDS = 10  # for running tasks, when everything stops: Ctrl-C should not take half a minute
TRY_SECONDS = 0.2

log = structlog.get_logger("agent")


def work_dir(data: Path) -> Path:
    return data / "agent"


def wanted(settings: Settings) -> bool:
    """It may run here, and this host is enrolled or about to be."""
    work = work_dir(settings.data)
    return settings.runs_agent and ((work / "agent.json").exists() or (work / TOKEN).exists())


def main(settings: Settings) -> None:
    work = work_dir(settings.data)
    if (work / TOKEN).exists():
        _enrol(settings, work)
    argv = [sys.executable, "-m", "workers.agent.main", "run", "--work-dir", str(work)]
    os.execv(sys.executable, [*argv, "--grace", str(GRACE_SECONDS), "--kill"])


def _enrol(settings: Settings, work: Path) -> None:
    from workers.agent.client import Transient  # the supervisor asks `wanted` and should stay small
    from workers.agent.enrol import enrol
    from workers.agent.state import WorkDir

    token = (work / TOKEN).read_text().strip()
    server = web_url(settings.host, settings.port)
    while True:
        try:
            identity = enrol(WorkDir(str(work)), server, token, ["local"], None, False)
            break
        except Transient:  # the web server is starting beside us
            time.sleep(TRY_SECONDS)
    (work / TOKEN).unlink()
    log.info("this host is enrolled", agent=identity.agent_id)
