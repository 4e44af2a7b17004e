"""What this process writes on stderr: one line an event, as text or as JSON."""

import logging
import sys
from typing import Any

import structlog

from webapp.config import Settings

QUIETED = ("rq.worker", "rq.queue", "granian.access", "alembic", "asyncio")


def setup(settings: Settings, part: str) -> None:
    """For entry points, once. Lines of the libraries take the same form; `part` names the process in each."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(part),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=_logger,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(settings)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIETED:
        logging.getLogger(name).setLevel(logging.WARNING)


def _logger(*args: Any) -> logging.Logger:
    return logging.getLogger(*args[:1])


def _named(part: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("part", part)
        return event

    return add


def _one_line(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Nobody may forge a line, or move the cursor of who reads it, through a name that they chose."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode()
    return event


def _rendering(settings: Settings) -> list[Any]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.log_format == "json":
        return [strip, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [
        strip,
        _one_line,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # others print local variables
        ),
    ]
