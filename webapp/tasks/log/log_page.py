"""The output of one task as a page opens it: which stream, and where in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from webapp.language import N_, _
from webapp.tasks.log import output
from webapp.tasks.log.output_shown import Shown, Viewer, place
from webapp.tasks.models import Task

STREAMS = {"both": N_("All"), "stdout": "stdout", "stderr": "stderr"}


@dataclass(frozen=True)
class Log:
    task: Task
    stream: str
    shown: Shown
    line: int | None = None  # that was asked for and is not there

    @property
    def live(self) -> bool:
        """More may come, and what comes belongs right under what is shown."""
        return self.task.open and self.shown.whole_end

    @property
    def empty_text(self) -> str:
        if self.task.waiting:
            return _("It has not started yet")
        if self.stream != "both":
            words = {"stream": self.stream}
            return (
                _("Nothing is printed on %(stream)s so far", **words)
                if self.task.open
                else _("It printed nothing on %(stream)s", **words)
            )
        return _("Nothing is printed so far") if self.task.open else _("It printed nothing")

    def url(self, path: str = "", **more: object) -> str:
        """Of the output alone."""
        return self._address(f"/log{path}", more)

    def page(self, **more: object) -> str:
        """Of the task's page."""
        return self._address("", more)

    def _address(self, path: str, more: dict[str, object]) -> str:
        asked: dict[str, object] = {"stream": self.stream} | more
        kept = {name: value for name, value in asked.items() if (name, value) != ("stream", "both")}
        return f"/tasks/{self.task.uuid}{path}" + (f"?{urlencode(kept)}" if kept else "")


def stream_of(args: Mapping[str, str]) -> str:
    asked = args.get("stream", "")
    return asked if asked in STREAMS else "both"


def viewer(task: Task, data: Path, stream: str) -> Viewer:
    return Viewer(output.folder(data, task.uuid), stream, task.started_at)


def opened(task: Task, data: Path, args: Mapping[str, str]) -> Log:
    """At its end, or where the address says: around a line or byte, before or after one."""
    stream = stream_of(args)
    view, line, at = viewer(task, data, stream), place(args.get("line", "")), place(args.get("at", ""))
    if line is not None:
        at = view.line(line)
        return Log(task, stream, view.last() if at is None else view.around(at), line if at is None else None)
    if (before := place(args.get("before", ""))) is not None:
        return Log(task, stream, view.before(before))
    if (after := place(args.get("after", ""))) is not None:
        return Log(task, stream, view.onward(after))
    return Log(task, stream, view.last() if at is None else view.around(at))
