"""The installation's signing key and what it says of itself, as heartbeats need it: read from disk now and then."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from flask import Flask

from webapp.library import trust as trusts
from webapp.library.signing import Signing

READ_AGAIN = 5.0


class TrustNews:
    """What this process last read. A withdrawal reaches agents with a heartbeat: some seconds do not matter to it."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing
        self.known: trusts.Trust | None = None
        self.read_at = -READ_AGAIN

    def beyond(self, held: dict[str, int], now: datetime) -> dict[str, Any] | None:
        """What an agent that holds these versions has missed."""
        if self.known is None or time.monotonic() - self.read_at >= READ_AGAIN:
            self.known, self.read_at = self.signing.trust(now), time.monotonic()
        return trusts.news(self.known, held.get("root", 0), held.get("revoked", 0))


def signing(app: Flask) -> Signing:
    return Signing(app.extensions["settings"].signing_key_file)


def trust_news(app: Flask) -> TrustNews:
    if "trust_news" not in app.extensions:
        app.extensions["trust_news"] = TrustNews(signing(app))
    return app.extensions["trust_news"]
