"""The agent beside the server: enrols once with a token that a new database left for it, then runs like any other,
from the program that hosts fetch too."""

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from webapp.config import Settings, web_url
from workers.agent import build

TOKEN = "enrolment-token"  # the file that holds it
PROGRAM = "muster-agent.pyz"
TAGS = ["local", "demo"]
TOKEN_LIFE = timedelta(days=1)
GRACE_SECONDS = 10  # for running tasks, when everything stops: Ctrl-C should not take half a minute
TRY_SECONDS = 0.2

log = structlog.get_logger("agent")


def work_dir(data: Path) -> Path:
    return data / "agent"


def wanted(settings: Settings) -> bool:
    """It may run here, and this host is enrolled or about to be."""
    work = work_dir(settings.data)
    return settings.runs_agent and ((work / "agent.json").exists() or (work / TOKEN).exists())


def leave_token(settings: Settings, now: datetime) -> None:
    """For the first start of a new database, in a unit of work: this machine's agent belongs to the first organisation."""
    import sqlalchemy as sa

    from webapp.access.models import Organization
    from webapp.agents import enrolment
    from webapp.db import db
    from webapp.events import SYSTEM

    first = db.session.scalars(sa.select(Organization.id).order_by(Organization.id).limit(1)).one()
    text, _ = enrolment.create_token(first, SYSTEM, now, tags=TAGS, expires_in=TOKEN_LIFE, note="This machine")
    work = work_dir(settings.data)
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_another(work)
    with os.fdopen(os.open(work / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")


def main(settings: Settings) -> None:
    work = work_dir(settings.data)
    program = work / PROGRAM
    if not program.exists() or program.read_bytes() != build.packed():
        build.build(str(program))
    if (work / TOKEN).exists():
        _enrol(settings, work)
    argv = [sys.executable, "-I", str(program), "run", "--work-dir", str(work)]
    os.execv(sys.executable, [*argv, "--grace", str(GRACE_SECONDS), "--kill"])


def _enrol(settings: Settings, work: Path) -> None:
    from workers.agent.client import Transient  # the supervisor asks `wanted` and should stay small
    from workers.agent.enrol import enrol
    from workers.agent.state import WorkDir

    token = (work / TOKEN).read_text().strip()
    server = web_url(settings.host, settings.port)
    while True:
        try:
            identity = enrol(WorkDir(str(work)), server, token, TAGS, None, False)
            break
        except Transient:  # the web server is starting beside us
            time.sleep(TRY_SECONDS)
    (work / TOKEN).unlink()
    log.info("this host is enrolled", agent=identity.agent_id)


def _forget_another(work: Path) -> None:
    """The agent of a database that was thrown away: its key opens nothing here."""
    (work / "agent.json").unlink(missing_ok=True)
