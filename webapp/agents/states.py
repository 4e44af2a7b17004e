"""An agent's administrative state and its presence: two facts, never mixed."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"
    UNINSTALLED = "uninstalled"
    DECOMMISSIONED = "decommissioned"


class Presence(StrEnum):
    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"
    NEVER = "never"


ONLINE_FOR = timedelta(seconds=90)
STALE_FOR = timedelta(seconds=180)


def presence(last_seen_at: datetime | None, now: datetime) -> Presence:
    if last_seen_at is None:
        return Presence.NEVER
    silent = now - last_seen_at
    if silent < ONLINE_FOR:
        return Presence.ONLINE
    return Presence.STALE if silent < STALE_FOR else Presence.OFFLINE
