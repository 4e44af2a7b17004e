"""The wake channel: what is said to agents that listen, and the tickets that let them listen. Only a hint: polling finds it too."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from webapp import queue
from webapp.db import db
from workers.agent.protocol import WAKE_BEAT, WAKE_CLAIM

CHANNEL = "muster:wake"
TICKET_LIFE = timedelta(hours=1)
CLAIM, BEAT = WAKE_CLAIM, WAKE_BEAT


def after_commit(organization_id: int, agent_ids: Iterable[int], word: str) -> None:
    """To these agents, or to all of the organisation when none is named."""
    text = json.dumps({"org": organization_id, "agents": sorted(agent_ids), "word": word})
    queue.after_commit(db.session, partial(queue.publish, CHANNEL, text))


def ticket(secret_key: str, agent_id: int, organization_id: int, now: datetime) -> str:
    """Good for an hour, and only for opening a connection; the channel itself carries no secret."""
    claim = f"{organization_id}.{agent_id}.{int((now + TICKET_LIFE).timestamp())}"
    return f"{claim}.{_signature(secret_key, claim)}"


def admitted(secret_key: str, text: str, now: datetime) -> tuple[int, int] | None:
    """The agent and organisation of a ticket that was signed here and has not ended."""
    claim, _, signature = text.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret_key, claim).encode()):
        return None
    organization_id, agent_id, end = (int(part) for part in claim.split("."))
    return (agent_id, organization_id) if now < datetime.fromtimestamp(end, UTC) else None


def _signature(secret_key: str, claim: str) -> str:
    return hmac.new(secret_key.encode(), f"muster-wake-v1\n{claim}".encode(), hashlib.sha256).hexdigest()
