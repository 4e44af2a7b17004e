"""What the bell tells somebody of. Each kind can be silenced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from webapp.language import N_


class Kind(StrEnum):
    MENTION = "mention"
    FAILURE = "failure"
    BULK = "bulk"
    TOKEN = "token"


@dataclass(frozen=True)
class Look:
    label: str
    icon: str
    tone: str
    help: str


LOOKS: dict[Kind, Look] = {
    Kind.MENTION: Look(N_("Mentions"), "note", "info", N_("Somebody names you in a note")),
    Kind.FAILURE: Look(N_("Failures"), "failed", "danger", N_("A task that you started, or a schedule of yours, fails")),
    Kind.BULK: Look(N_("Refusals"), "warning", "warning", N_("Something that you did with many tasks was refused for some")),
    Kind.TOKEN: Look(N_("API tokens"), "tokens", "warning", N_("A token of yours ends within a week")),
}  # fmt: skip
