"""The server's time, as seen from here. Used to judge signed expiry dates and to warn; everything else is durations."""

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Optional

WARN_S = 30


class ServerClock:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Optional[tuple[datetime, float]] = None  # the server's time, and ours at that moment
        self.skew_s = 0.0

    def observed(self, server_time: str, sent: float, received: float) -> None:
        """The server wrote its time somewhere between sending and receiving: take the middle."""
        try:
            server = datetime.fromisoformat(server_time.replace("Z", "+00:00"))
        except ValueError:
            return
        if server.tzinfo is None:
            return
        with self._lock:
            self._known = (server, (sent + received) / 2)
            self.skew_s = (datetime.now(timezone.utc) - self._server_time()).total_seconds()

    def now(self) -> datetime:
        """The server's time; the host's own until the server was heard."""
        with self._lock:
            return self._server_time()

    @property
    def wrong(self) -> bool:
        return abs(self.skew_s) > WARN_S

    def _server_time(self) -> datetime:
        if self._known is None:
            return datetime.now(timezone.utc)
        server, then = self._known
        return server + timedelta(seconds=time.monotonic() - then)


def stamp() -> str:
    """This host's clock, for people to read."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
