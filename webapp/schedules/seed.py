"""Chance that every scheduler draws alike: after a restart, on another host, in the preview."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seed:
    """The installation's key makes the draw unpredictable; the schedule and agent make it theirs."""

    key: bytes = field(default=b"", repr=False)
    schedule: str = ""
    agent: str = ""

    def draw(self, occasion: str, highest: int) -> int:
        """A whole number from 0 to `highest`, always the same for the same occasion."""
        message = f"{self.schedule}|{occasion}|{self.agent}".encode()
        return int.from_bytes(hmac.digest(self.key, message, "sha256")) % (highest + 1)
