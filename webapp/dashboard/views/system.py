"""The system page: which of Muster's own processes live, and what they stand on."""

from __future__ import annotations

import shutil
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app

from webapp import clock, htmx, queue, schema
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.config import VERSION
from webapp.db import db, dialect
from webapp.language import _
from webapp.processes import beats
from webapp.processes.models import Process

bp = Blueprint("system", __name__, url_prefix="/admin/system")


@bp.get("/")
@requires(Permission.SETTINGS_READ)
def index() -> Response:
    now = clock.now()
    processes = db.session.scalars(sa.select(Process).order_by(Process.kind, Process.name)).all()
    alive = {process.name for process in processes if process.seen_at > now - beats.ALIVE}
    return htmx.page("system/index.html", "system/_live.html", processes=processes, alive=alive, facts=_facts())


def _facts() -> list[tuple[str, Any]]:
    data = current_app.extensions["settings"].data
    away = queue.away_since()
    return [
        (_("Version"), VERSION),
        (_("Database"), dialect()),
        (_("Schema"), schema.current(db.session.connection()) or "none"),
        (_("Broker"), _("away since %(away)s UTC", away=f"{away:%H:%M:%S}") if away else _("answers")),
        (_("Rings waiting"), queue.length() if not away else "–"),
        (_("Data folder"), str(data)),
        (_("Free disk"), current_app.jinja_env.filters["size"](shutil.disk_usage(data).free)),
        (_("Clock against the database's"), f"{clock.skew().total_seconds() * 1000:.0f} ms"),
    ]
