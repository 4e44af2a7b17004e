"""Publishes this version's agent program, so that hosts can fetch it. The web side packs nothing itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from webapp.library import packages
from webapp.library.models import Package
from workers.agent import build, protocol


def publish_agent(data: Path, now: datetime) -> Package:
    """In a unit of work, which commits it. The same program is published once."""
    return packages.publish(data, packages.AGENT_KIND, packages.AGENT_NAME, protocol.VERSION, build.packed(), now)
