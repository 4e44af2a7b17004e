"""An agent's administrative state and its presence: two facts, never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webapp.language import N_


class State(StrEnum):
    UNAPPROVED = "unapproved"
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"
    UNINSTALLED = "uninstalled"
    DECOMMISSIONED = "decommissioned"


S = State
# Its credential opens nothing any more, and what it held is lost.
REMOVED = frozenset({S.REVOKED, S.UNINSTALLED, S.DECOMMISSIONED})
# It may still say how its tasks went, but it is not believed to be the only one of its name.
SILENCED = REMOVED | {S.QUARANTINED}

_HELD = frozenset({S.QUARANTINED, S.REVOKED, S.UNINSTALLED, S.DECOMMISSIONED})
# from → to. A move that is not here cannot be made; a verb in lifecycle.py makes those that are.
MOVES: dict[State, frozenset[State]] = {
    S.UNAPPROVED: _HELD | {S.ACTIVE},
    S.ACTIVE: _HELD | {S.PAUSED, S.DISABLED},
    S.PAUSED: _HELD | {S.ACTIVE, S.DISABLED},
    S.DISABLED: _HELD | {S.ACTIVE},
    S.QUARANTINED: frozenset({S.ACTIVE, S.DISABLED, S.REVOKED, S.DECOMMISSIONED}),
    S.REVOKED: frozenset({S.DECOMMISSIONED}),
    S.UNINSTALLED: frozenset({S.DECOMMISSIONED}),
    S.DECOMMISSIONED: frozenset(),
}


class Presence(StrEnum):
    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER = "never"


@dataclass(frozen=True)
class Look:
    """How a state is shown: never by colour alone."""

    label: str
    tone: str
    icon: str


STATE_LOOKS: dict[State, Look] = {
    S.UNAPPROVED: Look(N_("Not approved"), "violet", "unapproved"),
    S.ACTIVE: Look(N_("Active"), "success", "active"),
    S.PAUSED: Look(N_("Paused"), "warning", "paused"),
    S.DISABLED: Look(N_("Disabled"), "neutral", "inactive"),
    S.QUARANTINED: Look(N_("Quarantined"), "danger", "warning"),
    S.REVOKED: Look(N_("Revoked"), "danger", "revoked"),
    S.UNINSTALLED: Look(N_("Uninstalled"), "neutral", "inactive"),
    S.DECOMMISSIONED: Look(N_("Decommissioned"), "neutral", "inactive"),
}
PRESENCE_LOOKS: dict[Presence, Look] = {
    Presence.ONLINE: Look(N_("Online"), "success", "online"),
    Presence.STALE: Look(N_("Stale"), "warning", "stale"),
    Presence.OFFLINE: Look(N_("Offline"), "danger", "offline"),
    Presence.NEVER: Look(N_("Not seen yet"), "neutral", "offline"),
}

ONLINE_FOR = timedelta(seconds=90)
STALE_FOR = timedelta(seconds=180)


def presence(last_seen_at: datetime | None, now: datetime) -> Presence:
    if last_seen_at is None:
        return Presence.NEVER
    silent = now - last_seen_at
    if silent < ONLINE_FOR:
        return Presence.ONLINE
    return Presence.STALE if silent < STALE_FOR else Presence.OFFLINE
