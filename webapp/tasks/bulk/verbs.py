"""One verb on many tasks: each by itself, so that one that cannot change stops no other, and each refusal is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.language import N_, in_english
from webapp.tasks import launch, lifecycle, queries, tags
from webapp.tasks.lifecycle import Refused
from webapp.tasks.spec import SpecError

VERBS: dict[str, Callable[..., object]] = {
    "cancel": lifecycle.cancel,
    "delete": lifecycle.delete,
    "restore": lifecycle.restore,
    "retry": lifecycle.retry,
    "reschedule": launch.reschedule,
    "tag": tags.add,
}
PAST = {
    "cancel": N_("cancelled"),
    "delete": N_("deleted"),
    "restore": N_("restored"),
    "retry": N_("retried"),
    "reschedule": N_("rescheduled"),
    "tag": N_("tagged"),
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


def act(
    do: str, uuids: Iterable[str], by: Actor, now: datetime, *, organization_id: int | None = None, **facts: Any
) -> Answer:
    """Those of another organisation are answered like those that never were."""
    answer, verb = Answer(do), VERBS[do]
    wanted = list(dict.fromkeys(uuids))
    found = queries.by_uuids(wanted, deleted=do == "restore")
    for uuid in wanted:
        task = found.get(uuid)
        if task is None or organization_id not in (None, task.organization_id):
            answer.refused.append((uuid, "There is no such task"))
            continue
        try:
            with db.session.begin_nested(), writing_to(task.organization_id), in_english():
                verb(task, by, now, **facts)
            answer.done.append(uuid)
        except (Refused, SpecError) as refusal:
            answer.refused.append((uuid, str(refusal)))
    return answer
