"""How a host gets its first agent: the program, and one line that installs, enrols and starts it. For everybody: the
token is what lets a host in."""

from __future__ import annotations

import shlex

from flask import Blueprint, Response, current_app, render_template, send_file

from webapp.access.guards import public
from webapp.agents.address import server
from webapp.db import db, system_scope
from webapp.errors import Problem
from webapp.language import _
from webapp.library import packages
from webapp.library.models import Package

bp = Blueprint("agent_install", __name__)


@bp.get("/agents/muster-agent.pyz")
@public
def program() -> Response:
    path = packages.path_of(current_app.extensions["settings"].data, _published().sha256)
    response = send_file(path, "application/octet-stream", conditional=True, etag=False, as_attachment=True,
                         download_name="muster-agent.pyz")  # fmt: skip
    response.headers["X-SHA256"] = _published().sha256
    return response


@bp.get("/agents/install.sh")
@public
def script() -> Response:
    text = render_template("agents/install.sh", server=shlex.quote(server()), sha256=_published().sha256)
    return Response(text, content_type="text/x-shellscript; charset=utf-8")


def _published() -> Package:
    with system_scope("the agent program"):
        package = packages.agent()
        db.session.rollback()
    if package is None:
        raise Problem(404, _("No agent program has been published on this server. Run muster migrate"))
    return package
