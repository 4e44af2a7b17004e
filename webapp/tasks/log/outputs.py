"""Runs of one command side by side: which hosts said the same, and which said something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webapp.language import _
from webapp.tasks.lists.lines import Row
from webapp.tasks.log import output
from webapp.tasks.models import Task
from webapp.tasks.states import FINAL

SHOWN = 4_096  # bytes of each output that a group shows
LARGEST = 2**20  # larger outputs are compared by their size and both ends


@dataclass
class Group:
    """Ended runs with one exit code and the same bytes."""

    exit_code: int | None
    text: str
    tasks: list[Task | Row] = field(default_factory=list)

    @property
    def hosts(self) -> list[str]:
        return [task.agent_name or "worker" for task in self.tasks]


def grouped(tasks: Sequence[Task | Row], data: Path) -> list[Group]:
    """The largest group first; what still runs is in none."""
    groups: dict[tuple[object, ...], Group] = {}
    for task in tasks:
        if task.status in FINAL:
            folder = output.folder(data, task.uuid)
            key = (task.status, task.exit_code, *_print(folder))
            groups.setdefault(key, Group(task.exit_code, _text(folder))).tasks.append(task)
    return sorted(groups.values(), key=lambda group: -len(group.tasks))


def summary(groups: Sequence[Group]) -> str:
    """`187 identical, 11 differ`"""
    if not groups:
        return _("No output yet")
    most = len(groups[0].tasks)
    others = sum(len(group.tasks) for group in groups) - most
    if others:
        return f"{most:,} identical, {others:,} differ"
    return _("All %(most)s identical", most=f"{most:,}") if most > 1 else _("One output")


def _print(folder: Path) -> tuple[object, ...]:
    sizes = output.sizes(folder)
    if sum(sizes[name] for name in ("stdout", "stderr")) > LARGEST:
        return (sizes["stdout"], sizes["stderr"], *output.ends(folder, SHOWN, SHOWN))
    return (_digest(folder, "stdout", sizes), _digest(folder, "stderr", sizes))


def _digest(folder: Path, name: str, sizes: dict[str, int]) -> str:
    return output.digest(folder, name) if sizes[name] else ""


def _text(folder: Path) -> str:
    return output.tail(folder, "both", 40, SHOWN)


def last_line(task: Task | Row, data: Path) -> str:
    lines = output.tail(output.folder(data, task.uuid), "both", 1, 512).strip().splitlines()
    return lines[-1] if lines else ""
