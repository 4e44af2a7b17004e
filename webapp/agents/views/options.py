"""The agents that a form offers, asked again while somebody types; and whom a target means now."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request

from webapp import clock, htmx
from webapp.access.guards import choose_organization, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import picker

bp = Blueprint("agent_options", __name__, url_prefix="/agents")


@bp.get("/options")
@requires(Permission.AGENTS_READ)
def options() -> Response | str:
    if not htmx.wanted():
        return redirect("/agents")  # type: ignore[return-value]
    now, organization_id = clock.now(), _organization()
    picked = picker.read(request.args, now, organization_id)
    return render_template("agents/_options.html", picker=picked, now=now, matched=picked.matched(now, organization_id))


def _organization() -> int:
    """The chosen one, or the first that may be read: a preview needs just one."""
    chosen = principal.current_org or principal.orgs[0]
    return choose_organization(request.args.get("organization") or chosen.slug, Permission.AGENTS_READ)
