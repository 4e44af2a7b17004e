"""In front of Flask: what idle agents ask again and again is answered with one round trip to the broker.

Only where there is plainly nothing new, and for an agent whose facts stand in the broker; everything else goes on to the
application, with the body as it came. So nobody gets an answer here that the view would refuse.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from webapp import clock, metrics
from webapp.agent_api import bodies, heartbeat
from webapp.agents import beats, credentials, quiet
from webapp.security import HEADERS
from workers.agent import protocol
from workers.agent.protocol import PROTOCOL_HEADER, ClaimRequest, HeartbeatRequest

Environ = dict[str, Any]
Start = Callable[..., Any]

LARGEST = 16 * 1024  # of an idle agent's message
ALWAYS = [*HEADERS.items(), ("Cache-Control", "no-store")]
SPOKEN = {str(version) for version in protocol.SUPPORTED} | {""}
VERSION_HEADER = f"HTTP_{PROTOCOL_HEADER.upper().replace('-', '_')}"


class Gate:
    def __init__(self, app: Flask) -> None:
        self.app, self.inner = app, app.wsgi_app
        self.views = {
            protocol.HEARTBEAT: ("agent_session.beat", self._beat),
            protocol.CLAIM: ("agent_tasks.claim", self._claim),
        }

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        begun = time.perf_counter()
        endpoint, view = self.views.get(environ["PATH_INFO"], ("", None))
        if view is None or not _plain(environ):
            return self.inner(environ, start)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            answer = view(body, environ)
        except (ValueError, RecursionError):  # the view says what is wrong with it
            answer = None
        if answer is None:
            environ["wsgi.input"] = io.BytesIO(body)
            return self.inner(environ, start)
        status = 200 if answer else 204
        start(*_head(status, answer))
        metrics.count("POST", endpoint, status, time.perf_counter() - begun)
        return [answer] if answer else []

    def _beat(self, body: bytes, environ: Environ) -> bytes | None:
        agent_id, credential = _credential(environ)
        message: HeartbeatRequest = HeartbeatRequest.from_json(bodies.parsed(body))
        if message.running or message.events or not heartbeat.no_news(self.app, message):
            return None
        now = clock.now()
        pulse = beats.pulse(message, environ.get("REMOTE_ADDR", ""), now)
        known = quiet.beat(agent_id, credential, beats.Said.by(message, beats.digest(body), pulse))
        if known is None:
            return None
        reply = heartbeat.reply(self.app, agent_id, known.organization_id, known.state, now)
        return json.dumps(reply.to_json()).encode()

    def _claim(self, body: bytes, environ: Environ) -> bytes | None:
        agent_id, credential = _credential(environ)
        message: ClaimRequest = ClaimRequest.from_json(bodies.parsed(body))
        if message.spool or not 1 <= len(message.claim_id) <= 64:
            return None
        return b"" if quiet.claim(agent_id, credential, message.claim_id) else None


def _plain(environ: Environ) -> bool:
    """A message of the usual form and size. One whose length is not told is left to who can read it."""
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        environ["REQUEST_METHOD"] == "POST"
        and length.isdecimal()
        and int(length) <= LARGEST
        and "HTTP_TRANSFER_ENCODING" not in environ
        and environ.get(VERSION_HEADER, "") in SPOKEN
    )


def _credential(environ: Environ) -> tuple[int, str]:
    """Whose key it seems to be, and its hash: the broker says whether it is. ValueError where it is none."""
    text = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
    return credentials.owner(text), credentials.hashed(text)


def _head(status: int, body: bytes) -> tuple[str, list[tuple[str, str]]]:
    if status == 204:
        return "204 NO CONTENT", ALWAYS
    return "200 OK", [*ALWAYS, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
