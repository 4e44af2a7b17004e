"""The real agent program beside a bench's server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.fleet import Yard
from webapp import clock, db
from webapp.agents import enrolment
from webapp.events import SYSTEM
from workers.agent import build


@contextmanager
def running(place: Yard) -> Iterator[int]:
    program, work = place.settings.data / "muster-agent.pyz", str(place.settings.data / "one-agent")
    build.build(str(program))
    with db.unit(place.app, "bench"):
        token, _ = enrolment.create_token(place.agents[0].organization_id, SYSTEM, clock.now())
    server = f"http://127.0.0.1:{place.settings.port}"
    start = [sys.executable, "-I", str(program)]
    asked = [*start, "enrol", "--server", server, "--work-dir", work]
    subprocess.run(asked, input=token.encode(), check=True, capture_output=True, timeout=60)
    process = subprocess.Popen([*start, "run", "--work-dir", work], stderr=place.log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)
