"""Takes in what a plugin's run left beside its output: progress while it runs, files and objects at its end.

The run's own process could write anything into its folder, so nothing here is believed: links are not
followed, types and keys are checked again, and counts are bounded.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from webapp.events import Actor
from webapp.files import lifecycle as files
from webapp.files import store
from webapp.objects import lifecycle as objects
from webapp.objects import types
from webapp.objects.lifecycle import Seen
from webapp.objects.values import FieldErrors
from webapp.plugins.journal import read_events
from webapp.tasks.models import Task

FILES = 1_000
OBJECTS = 100_000
BITES = 500
RESULT_BYTES = 256 * 1024
log = structlog.get_logger("intake")


@dataclass
class Intake:
    """One run's journal, read as far as it is written."""

    folder: Path
    offset: int = 0
    progress: tuple[int, str] | None = None
    files: dict[str, str] = field(default_factory=dict)
    objects: list[Seen] = field(default_factory=list)
    result: Any = None
    error: dict[str, Any] | None = None
    refused: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.files or self.objects or self.refused)

    def read(self) -> bool:
        """Whether the progress is another one than before."""
        before = self.progress
        for _ in range(BITES):  # bounded: a plugin may write faster than this reads
            events, self.offset = read_events(self.folder, self.offset)
            for event in events:
                self._take(event)
            if not events:
                break
        return self.progress != before

    def _take(self, event: dict[str, Any]) -> None:
        try:
            getattr(self, f"_take_{event['kind']}")(event)
        except (KeyError, TypeError, ValueError, FieldErrors) as error:
            self._refuse(f"An event that cannot be used: {error}")

    def _take_progress(self, event: dict[str, Any]) -> None:
        percent = round(100 * min(1.0, max(0.0, float(event["fraction"]))))
        self.progress = (percent, str(event.get("text") or "")[:200])

    def _take_file(self, event: dict[str, Any]) -> None:
        if len(self.files) < FILES:
            self.files[str(event["name"])] = str(event.get("type") or "")
        else:
            self._refuse(f"Only {FILES} files of a task are kept")

    def _take_object(self, event: dict[str, Any]) -> None:
        data = types.clean(event["type"], event["fields"])
        source = event.get("source") or {}
        input_key = str(source.get("key") or "") if isinstance(source, dict) else ""
        if len(self.objects) < OBJECTS:
            self.objects.append(Seen(event["type"], types.natural_key(event["type"], data), data, input_key))
        else:
            self._refuse(f"Only {OBJECTS:,} objects of a task are kept")

    def _take_result(self, event: dict[str, Any]) -> None:
        self.result = event.get("data")

    def _take_error(self, event: dict[str, Any]) -> None:
        self.error = event

    def _take_unreadable(self, event: dict[str, Any]) -> None:
        self._refuse("A line of its journal cannot be read")

    def _refuse(self, text: str) -> None:
        if text not in self.refused and len(self.refused) < 20:
            self.refused.append(text)

    def keep(self, task: Task, data: Path, by: Actor, now: datetime) -> None:
        """Into the task's organisation, in the transaction that ends it."""
        for name, kind in self.files.items():
            self._keep_file(task, data, name, kind, by, now)
        task.object_count = objects.see(
            task.organization_id, self.objects, now, task_id=task.id, plugin_id=task.plugin_id
        )
        if self.refused:
            log.warning("some of what a task left was not kept", task=task.uuid, reasons=self.refused)

    def _keep_file(self, task: Task, data: Path, name: str, kind: str, by: Actor, now: datetime) -> None:
        source = _open(self.folder / "out", name)
        if source is None:
            return self._refuse(f"{name!r} is no file in its folder")
        with source:
            try:
                files.add(
                    data,
                    source,
                    organization_id=task.organization_id,
                    name=name,
                    type=kind,
                    by=by,
                    now=now,
                    task_id=task.id,
                    plugin_id=task.plugin_id,
                )
                task.file_count += 1
            except store.TooLarge as error:
                self._refuse(f"{name!r} is too large. {error}")


def _open(folder: Path, name: str) -> BinaryIO | None:
    """A regular file right in this folder, and not through a link."""
    if name != os.path.basename(name) or name in ("", ".", ".."):
        return None
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return open(descriptor, "rb")
