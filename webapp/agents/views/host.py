"""One agent: what it is, what it does, what happened to it, and what may be done to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access.guards import get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import credentials, lifecycle, presence_chart, queries
from webapp.agents.forms import words
from webapp.agents.models import Agent
from webapp.agents.states import MOVES, PRESENCE_LOOKS, STATE_LOOKS, State
from webapp.db import db
from webapp.errors import Problem
from webapp.language import N_, _
from webapp.library import packages
from webapp.refusal import Refused
from webapp.tasks import queries as tasks

bp = Blueprint("agent", __name__, url_prefix="/agents")

TABS = ("overview", "tasks", "queue", "keys", "events")
NEWEST = 25
VERBS = {
    "approve": (N_("approved"), lifecycle.approve), "refuse": (N_("refused"), lifecycle.refuse),
    "pause": (N_("paused"), lifecycle.pause), "enable": (N_("enabled"), lifecycle.enable), "disable": (N_("disabled"), lifecycle.disable),
    "rotate-key": (N_("asked to change its key"), lifecycle.ask_to_rotate), "update": (N_("asked to update itself"), lifecycle.ask_to_update),
}  # fmt: skip
FINAL_VERBS = {
    "revoke": (N_("revoked"), lifecycle.revoke),
    "decommission": (N_("decommissioned"), lifecycle.decommission),
}


@bp.get("/<uuid:agent_id>")
@requires(Permission.AGENTS_READ)
@polling.cached(every=30)
def show(agent_id: Any) -> Response:
    agent = get_or_404(Agent, uuid=str(agent_id))
    return htmx.page("agents/show.html", "agents/_show.html", **context(agent))


def context(agent: Agent) -> dict[str, Any]:
    now, package = clock.now(), packages.agent()
    tab = request.args.get("tab", TABS[0])
    tab = tab if tab in TABS else TABS[0]
    doing = tasks.on_agents([agent.id])[agent.id]
    return {
        "agent": agent, "now": now, "presence": PRESENCE_LOOKS[agent.presence(now)], "state": STATE_LOOKS[State(agent.state)],
        "tab": tab, "tabs": tabs_for(agent, tab, doing.queued + agent.spooled), "events": queries.events_of(agent), "looks": tasks.LOOKS, "moves": MOVES[State(agent.state)],
        "newest": package.version if package else "",
        "chart": presence_chart.day(queries.samples(agent, now), now), "tasks": f"/tasks?agent={agent.hostname}",
        "given": tasks.of_agent(agent.id, NEWEST) if tab == "tasks" else (), "doing": doing,
        "held": tasks.held(agent.id, NEWEST) if tab == "queue" else (), "token": queries.let_in_by(agent) if tab == "keys" else None,
        "new_key_at": credentials.due_at(agent),
    }  # fmt: skip


def tabs_for(agent: Agent, current: str, queued: int) -> list[dict[str, Any]]:
    counts = {"queue": queued or None}
    return [
        {
            "href": f"/agents/{agent.uuid}?tab={name}",
            "label": name.capitalize(),
            "count": counts.get(name),
            "current": name == current,
        }
        for name in TABS
    ]


@bp.post("/<uuid:agent_id>/<any(approve,refuse,pause,enable,disable,'rotate-key',update):verb>")
@requires(Permission.AGENTS_WRITE)
def change(agent_id: Any, verb: str) -> Response:
    return _do(get_or_404(Agent, uuid=str(agent_id)), *VERBS[verb])


@bp.post("/<uuid:agent_id>/<any(revoke,decommission):removal>")
@requires(Permission.AGENTS_DELETE)
def remove(agent_id: Any, removal: str) -> Response:
    return _do(get_or_404(Agent, uuid=str(agent_id)), *FINAL_VERBS[removal])


@bp.post("/<uuid:agent_id>/edit")
@requires(Permission.AGENTS_WRITE)
def edit(agent_id: Any) -> Response:
    """What people say of it."""
    agent, given, now = get_or_404(Agent, uuid=str(agent_id)), request.form, clock.now()
    said = {name: given.get(name, getattr(agent, name)).strip() for name in ("instance", "note")}
    try:
        lifecycle.tag(agent, words(given.get("tags")), principal.actor, now)
        if said != {name: getattr(agent, name) for name in said}:
            lifecycle.edit(agent, principal.actor, now, **said)
    except Refused as refusal:
        raise Problem(422, errors=[{"field": "tags", "message": refusal.text}]) from None
    db.session.commit()
    return htmx.changed(None, f"/agents/{agent.uuid}", _("Saved"), refresh="agent")


def _do(agent: Agent, past: str, verb: Any) -> Response:
    back = f"/agents/{agent.uuid}"
    try:
        verb(agent, principal.actor, clock.now())
    except Refused as refusal:
        return htmx.refused(refusal.text, back, refresh="agent")
    db.session.commit()
    return htmx.changed(
        None, back, _("%(hostname)s is %(past)s", hostname=agent.hostname, past=_(past)), refresh="agent"
    )
