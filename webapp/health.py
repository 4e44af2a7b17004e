"""Does the process live, can it serve, and what is worse than it should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from webapp import clock, queue, schema
from webapp.access.guards import public
from webapp.db import unit
from webapp.processes import beats

LEAST_DISK = 2**30

bp = Blueprint("health", __name__)
log = structlog.get_logger("web")

# Answers with what is degraded, in a word or two; None while all is well.
Check = Callable[[Flask], str | None]


def init(app: Flask) -> None:
    app.extensions["checks"] = [broker, disk, scheduler]
    app.register_blueprint(bp)


@bp.get("/healthz")
@public
def healthz() -> Response:
    return Response("ok\n", content_type="text/plain")


@bp.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if missing := unusable(app):
        return jsonify(status="unready", reason=missing), 503
    degraded = [word for check in app.extensions["checks"] if (word := check(app))]
    return jsonify(status="ready", degraded=degraded), 200


def unusable(app: Flask) -> str | None:
    """Without these nothing works: the database, and the schema of this version."""
    try:
        with unit(app, "readiness", reading=True) as session:
            found = schema.current(session.connection())
    except SQLAlchemyError as error:
        log.warning("not ready", error=str(error))
        return "database"
    return None if found == schema.head() else "schema"


def broker(_app: Flask) -> str | None:
    return None if queue.ping() else "broker"


def disk(app: Flask) -> str | None:
    return None if shutil.disk_usage(app.extensions["settings"].data).free > LEAST_DISK else "disk"


def scheduler(app: Flask) -> str | None:
    with unit(app, "readiness", reading=True):
        return None if beats.alive("scheduler", clock.now()) else "scheduler"
