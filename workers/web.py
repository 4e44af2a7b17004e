"""The web server: granian, or gunicorn by setting. Both finish running requests when told to stop."""

import importlib.util
import os
import signal
import sys
from functools import partial
from typing import Any

from webapp import logs
from webapp.config import ConfigError, Settings
from workers import presence
from workers.parent import follow

# Browsers keep idle connections: the servers' own limits (about 1,000) would refuse the 1,001st open page.
BACKLOG = 4096
DRAIN_SECONDS = 25


def main(settings: Settings) -> None:
    {"granian": granian, "gunicorn": gunicorn}[settings.server](settings)


def granian(settings: Settings) -> None:
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    server = Server(
        "webapp.app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads,
        backlog=BACKLOG,
        backpressure=BACKLOG,
        websockets=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
    )
    server.serve(target_loader=partial(_load, settings, os.getpid()), wrap_loader=False)


def gunicorn(settings: Settings) -> None:
    if importlib.util.find_spec("gunicorn") is None:
        raise ConfigError("MUSTER_SERVER: gunicorn is not installed; install the extra of that name or use granian")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    options = [
        "--bind", f"{host}:{settings.port}",
        "--workers", str(settings.web_workers),
        "--worker-class", "gthread",
        "--threads", str(settings.web_threads),
        # With more, it takes connections that no thread is free for, while another process is idle.
        "--worker-connections", str(settings.web_threads),
        "--backlog", "2048",
        "--graceful-timeout", str(DRAIN_SECONDS),
        "--no-control-socket",
        "--log-level", "warning",
    ]  # fmt: skip
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, "workers.web:application()"])


def _load(settings: Settings, main_process: int) -> Any:
    """Runs in each web process, which must not outlive granian's main one."""
    # granian's own handlers come after this; those inherited from its main process would swallow what `follow` asks for.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    follow(main_process)
    logs.setup(settings, "web")
    return application(settings)


def application(settings: Settings | None = None) -> Any:
    """The application of one web process, which tells from then on that it answers."""
    from webapp.app import create_app

    app = create_app(settings)
    presence.tell(app)
    return app
