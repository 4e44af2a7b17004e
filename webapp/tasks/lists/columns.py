"""The columns of the list that a person may choose; the status, the name and the actions are always there."""

from __future__ import annotations

from webapp.access.principal import Principal
from webapp.language import N_

COLUMNS = {
    "agent": N_("Agent or worker"),
    "organization": N_("Organization"),
    "by": N_("Created by"),
    "trigger": N_("Source"),
    "exit_code": N_("Exit code"),
    "created": N_("Created"),
    "duration": N_("Duration"),
}
USUAL = ("agent", "created", "duration")


def shown(principal: Principal) -> tuple[str, ...]:
    chosen = principal.prefs["columns"].get("tasks")
    if chosen is None:
        chosen = [*USUAL, "organization"] if len(principal.seen) > 1 else USUAL
    return tuple(name for name in COLUMNS if name in chosen)
