"""The columns of the list that a person may choose; the status, the name and the actions are always there."""

from __future__ import annotations

from webapp.access.principal import Principal

COLUMNS = {
    "agent": "Agent or worker",
    "organization": "Organization",
    "by": "Created by",
    "trigger": "Source",
    "exit_code": "Exit code",
    "created": "Created",
    "duration": "Duration",
}
USUAL = ("agent", "created", "duration")


def shown(principal: Principal) -> tuple[str, ...]:
    chosen = principal.prefs["columns"].get("tasks")
    if chosen is None:
        chosen = [*USUAL, "organization"] if len(principal.seen) > 1 else USUAL
    return tuple(name for name in COLUMNS if name in chosen)
