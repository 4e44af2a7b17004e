"""A run beside the last one that went well: what was different in how it was called, how long it took, what it printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from webapp.language import _
from webapp.tasks import equivalents, runs
from webapp.tasks.log import ansi, output
from webapp.tasks.models import Task

LINES = 400  # of the end of each output that are compared
BYTES = 64 * 1024
DIFFERENCES = 400  # lines that are shown of them
KINDS = {"+": "added", "-": "removed", "@": "place"}


class Fact(NamedTuple):
    name: str
    mine: str
    theirs: str

    @property
    def differs(self) -> bool:
        return self.mine != self.theirs


class Difference(NamedTuple):
    kind: str  # added | removed | place | same
    text: str


@dataclass(frozen=True)
class Comparison:
    other: Task
    facts: list[Fact]
    lines: list[Difference]
    cut: bool  # only the ends were compared, or not all differences are shown

    @property
    def differing(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.differs]

    @property
    def same(self) -> list[Fact]:
        return [fact for fact in self.facts if not fact.differs]

    @property
    def same_output(self) -> bool:
        return not self.lines


def with_last_success(task: Task, data: Path) -> Comparison | None:
    other = runs.last_success(task)
    if other is None:
        return None
    (mine, mine_whole), (theirs, theirs_whole) = _end(task, data), _end(other, data)
    found = list(islice(_differences(theirs, mine), DIFFERENCES + 1))
    cut = not (mine_whole and theirs_whole) or len(found) > DIFFERENCES
    return Comparison(other, _facts(task, other), found[:DIFFERENCES], cut)


def _facts(task: Task, other: Task) -> list[Fact]:
    mine, theirs = dict(_flat(_called(task))), dict(_flat(_called(other)))
    return [Fact(name, mine.get(name, ""), theirs.get(name, "")) for name in dict.fromkeys([*mine, *theirs])]


def _called(task: Task) -> dict[str, Any]:
    spec = equivalents.spec(task)
    where = {_("runs on"): task.place, _("created by"): task.created_by, "trigger": task.trigger}
    ended = {_("exit code"): task.exit_code, _("stdout bytes"): task.stdout_size, _("stderr bytes"): task.stderr_size}
    return {**spec.pop("data"), **spec.pop("options", {}), **where, **ended}


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _end(task: Task, data: Path) -> tuple[list[str], bool]:
    end = output.window(output.folder(data, task.uuid), "both", limit_lines=LINES, limit_bytes=BYTES)
    return [ansi.plain(line.text)[:1000] for line in end.lines], end.at_start


def _differences(theirs: list[str], mine: list[str]) -> Iterator[Difference]:
    for line in islice(unified_diff(theirs, mine, lineterm=""), 2, None):  # without the two lines that name files
        kind = KINDS.get(line[0], "same")
        yield Difference(kind, line if kind == "place" else line[1:])
