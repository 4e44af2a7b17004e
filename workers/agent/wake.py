"""The wake channel: a connection held open on which the server says that there is something to ask for.

Optional in every way: without it the agent asks at its usual intervals.
"""

import http.client
import threading
import urllib.parse
from typing import TYPE_CHECKING, Optional

from . import protocol
from .client import Backoff, connect
from .protocol import Wake

if TYPE_CHECKING:
    from .loop import Agent

_LONGEST_LINE = 256


class Listener:
    def __init__(self, host: "Agent") -> None:
        self.host = host
        self._known: Optional[Wake] = None
        self._changed = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def update(self, wake: Optional[Wake]) -> None:
        """From each heartbeat: a ticket lasts an hour and is only needed to connect."""
        self._known = wake
        if wake is not None:
            self._changed.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wake", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        backoff = Backoff()
        while not self.host.stopping.is_set():
            self._changed.wait()
            wake = self._known
            if wake is None:
                self._changed.clear()
                continue
            try:
                self._listen(wake, backoff)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            self.host.stopping.wait(backoff.failed())

    def _listen(self, wake: Wake, backoff: Backoff) -> None:
        identity = self.host.identity
        connection = connect(wake.url, identity.ca_file, identity.insecure_loopback)
        try:
            parts = urllib.parse.urlsplit(wake.url)
            connection.connect()
            connection.sock.settimeout(3 * protocol.WAKE_PING_S)
            connection.request("GET", f"{parts.path or '/'}?{urllib.parse.urlencode({'ticket': wake.ticket})}")
            response = connection.getresponse()
            if response.status != 200:
                self._changed.clear()  # until the next heartbeat brings another ticket
                return
            self.host.bell.set()  # something may have come while nobody listened
            backoff.worked()
            for line in iter(lambda: response.readline(_LONGEST_LINE), b""):
                self._heard(line.strip().decode("ascii", "replace"))
        finally:
            connection.close()

    def _heard(self, word: str) -> None:
        if word == protocol.WAKE_BEAT:
            self.host.beat_now.set()
        elif word == protocol.WAKE_CLAIM:
            self.host.bell.set()
