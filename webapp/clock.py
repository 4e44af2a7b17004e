"""The only module that asks the clock. Verbs take `now`; entry points get it here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# How far the database's clock is ahead of this process's; corrected each minute by the loops.
_offset = timedelta()


def now() -> datetime:
    return datetime.now(UTC) + _offset


def follow(database_now: datetime) -> timedelta:
    """Take over the database's clock, so that several hosts agree on what is due."""
    global _offset
    _offset = database_now - datetime.now(UTC)
    return _offset


def skew() -> timedelta:
    return _offset


def iso(moment: datetime | None) -> str | None:
    """RFC 3339 with `Z`, as every program sees a time."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
