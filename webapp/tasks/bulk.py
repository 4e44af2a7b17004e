"""One verb on many tasks: each by itself, so that one that cannot change stops no other, and each refusal is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from webapp.db import db
from webapp.events import Actor
from webapp.tasks import launch, lifecycle, queries
from webapp.tasks.lifecycle import Refused
from webapp.tasks.models import Task

VERBS: dict[str, Callable[[Task, Actor, datetime], object]] = {
    "cancel": lifecycle.cancel,
    "delete": lifecycle.delete,
    "restore": lifecycle.restore,
    "retry": lifecycle.retry,
    "reschedule": launch.reschedule,
}
PAST = {
    "cancel": "cancelled",
    "delete": "deleted",
    "restore": "restored",
    "retry": "retried",
    "reschedule": "rescheduled",
}


@dataclass
class Answer:
    do: str
    done: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """`12 cancelled, 1 not: This task finished …`"""
        words = f"{len(self.done)} {PAST[self.do]}"
        if self.refused:
            words += f", {len(self.refused)} not: {self.refused[0][1]}"
        return words


def act(do: str, uuids: Iterable[str], by: Actor, now: datetime) -> Answer:
    """Those of another organisation are answered like those that never were."""
    answer, verb = Answer(do), VERBS[do]
    wanted = list(dict.fromkeys(uuids))
    found = queries.by_uuids(wanted)
    for uuid in wanted:
        task = found.get(uuid)
        if task is None:
            answer.refused.append((uuid, "There is no such task"))
            continue
        try:
            with db.session.begin_nested():
                verb(task, by, now)
            answer.done.append(uuid)
        except Refused as refusal:
            answer.refused.append((uuid, refusal.text))
    return answer
