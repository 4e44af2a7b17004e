"""Takes in the objects that plugins found on hosts: their journals wait in a folder until here is time for them."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import structlog

from webapp.db import db
from webapp.events import SYSTEM
from webapp.tasks.log import journals
from webapp.tasks.models import Task
from workers.intake import Intake

AT_ONCE = 20

log = structlog.get_logger("intake")


class Journals:
    def __init__(self, data: Path) -> None:
        self.data = data

    def take_in(self, now: datetime) -> int:
        """Some of those that wait. One that cannot be taken in is put aside, so that it does not stop the others."""
        folders = list(journals.waiting(self.data))[:AT_ONCE]
        for folder in folders:
            try:
                with db.session.begin_nested():
                    self._take(folder, now)
                db.session.commit()
                shutil.rmtree(folder, ignore_errors=True)
            except sa.exc.OperationalError:
                raise  # the database's trouble, not the journal's
            except Exception:
                log.exception("a journal was not taken in", task=folder.name)
                shutil.move(folder, self.data / "journals" / f"refused-{folder.name}")
        return len(folders)

    def _take(self, folder: Path, now: datetime) -> None:
        task = db.session.scalar(sa.select(Task).where(Task.uuid == folder.name))
        if task is None:
            return
        intake = Intake(folder)
        intake.read()
        intake.files.clear()  # they came by themselves
        if not intake.empty:
            intake.keep(task, self.data, SYSTEM, now)
