"""The list of agents, and acts on several of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from webapp import clock, htmx, polling
from webapp.access.guards import may, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import lifecycle, presence_chart, queries
from webapp.agents.forms import SEVERAL, filter_of, meant, pairs_of, words
from webapp.agents.models import Agent
from webapp.agents.states import PRESENCE_LOOKS, STATE_LOOKS, Presence, State
from webapp.db import db
from webapp.errors import Problem
from webapp.language import N_, _, ngettext
from webapp.library import packages
from webapp.refusal import Refused
from webapp.tasks import queries as tasks

bp = Blueprint("agents", __name__, url_prefix="/agents")

SIZES = (25, 50, 100)
VERBS = {
    "approve": lifecycle.approve, "refuse": lifecycle.refuse,
    "pause": lifecycle.pause, "enable": lifecycle.enable, "disable": lifecycle.disable, "update": lifecycle.ask_to_update,
}  # fmt: skip


@bp.get("/")
@requires(Permission.AGENTS_READ)
@polling.cached(every=30)
def index() -> Response:
    return htmx.page("agents/index.html", "agents/_list.html", **context())


def context() -> dict[str, Any]:
    chosen, now = filter_of(request.args), clock.now()
    per = request.args.get("per", 25, type=int)
    per = per if per in SIZES else 25
    page = queries.page(chosen, now, per, request.args.get("after"), request.args.get("before"))
    names = {org.id: org.name for org in principal.orgs}
    ids, package = [agent.id for agent in page.agents], packages.agent()
    strips = {agent_id: presence_chart.strip(at, now) for agent_id, at in queries.heard(ids, now).items()}
    return {
        "strips": strips, "cells": presence_chart.CELLS, "newest": package.version if package else "",
        "page": page, "now": now, "chosen": chosen, "total": queries.count(chosen, now), "looks": PRESENCE_LOOKS,
        "doing": tasks.on_agents(ids), "states": STATE_LOOKS, "presences": queries.presences(now, principal.org_ids_with(Permission.AGENTS_READ)),
        "pills": pills(chosen, now), "menus": menus(chosen), "names": names, "here": address(chosen, per), "link": link,
        "pairs": pairs_of(chosen), "chips": chips(chosen), "per": per, "sizes": [(n, link(chosen, per=n), n == per) for n in SIZES],
    }  # fmt: skip


def link(chosen: queries.Filter, **more: Any) -> str:
    asked = urlencode([*pairs_of(chosen), *((key, value) for key, value in more.items() if value)])
    return f"/agents?{asked}" if asked else "/agents"


def address(chosen: queries.Filter, per: int) -> str:
    return link(
        chosen, per=per if per != SIZES[0] else None, after=request.args.get("after"), before=request.args.get("before")
    )


def pills(chosen: queries.Filter, now: Any) -> list[dict[str, Any]]:
    counts = queries.presences(now, principal.org_ids_with(Permission.AGENTS_READ))
    found = [
        {"href": "/agents", "label": _("All"), "count": sum(counts.values()), "current": chosen == queries.Filter()}
    ]
    for presence in Presence:
        only = queries.Filter(presence=frozenset({presence}))
        label = PRESENCE_LOOKS[presence].label
        found.append({"href": link(only), "label": label, "count": counts[presence], "current": chosen == only})
    return found


LABELS = {
    "presence": N_("Presence"), "state": N_("State"), "tag": N_("Tag"), "os": N_("Platform"), "arch": N_("Architecture"), "version": N_("Version"),
    "instance": N_("Instance"),
}  # fmt: skip


def chips(chosen: queries.Filter) -> list[dict[str, str]]:
    """What is filtered beside the search box, each with the address without it."""
    pairs = pairs_of(chosen)
    looks = {str(key): look.label for key, look in (PRESENCE_LOOKS | STATE_LOOKS).items()}
    return [
        {
            "label": f"{LABELS[name]}: {looks[value] if name in ('presence', 'state') else value}",
            "href": f"/agents?{urlencode([pair for pair in pairs if pair != (name, value)])}",
        }
        for name, value in pairs
        if name in LABELS
    ]


def menus(chosen: queries.Filter) -> list[tuple[str, str, list[tuple[str, str]], list[str]]]:
    tags = [(tag, f"{tag} ({count})") for tag, count in queries.tags_in_use()]
    found = [("tag", _("Tag"), tags, list(chosen.tags))]
    found.append(("state", _("State"), [(s, _(STATE_LOOKS[s].label)) for s in State], [str(s) for s in chosen.states]))
    for name in SEVERAL:
        found.append((name, _(LABELS[name]), [(v, v) for v in queries.values(name)], list(getattr(chosen, name))))
    return found


@bp.post("/bulk")
@requires(Permission.AGENTS_WRITE)
def bulk() -> Response:
    """Tags on and off, pause, enable, disable or update, each agent by itself."""
    do, now = request.form.get("do", ""), clock.now()
    agents = _chosen()
    if do == "tag":
        add, remove = words(request.form.get("add")), words(request.form.get("remove"))
        if not add and not remove:
            raise Problem(422, errors=[{"field": "add", "message": _("Enter at least one tag")}])
        changed = lifecycle.tag_many(agents, add, remove, principal.actor, now)
        db.session.commit()
        return htmx.changed(
            None,
            "/agents",
            _("%(changed)s of %(agents)s agents changed", changed=changed, agents=len(agents)),
            refresh="agents",
        )
    if do not in VERBS:
        raise Problem(
            422, errors=[{"field": "do", "message": _("Choose one of tag, %(verbs)s", verbs=", ".join(VERBS))}]
        )
    done, refused = _each(do, agents)
    text = ngettext("%(num)s agent changed", "%(num)s agents changed", done)
    if refused:
        text = _("%(changed)s, %(count)s not: %(first)s", changed=text, count=len(refused), first=refused[0])
    return htmx.changed(None, "/agents", text, refresh="agents")


def _each(do: str, agents: list[Agent]) -> tuple[int, list[str]]:
    done, refused = 0, []
    for agent in agents:
        try:
            with db.session.begin_nested():
                VERBS[do](agent, principal.actor, clock.now())
            done += 1
        except Refused as refusal:
            refused.append(f"{agent.hostname}: {refusal.text}")
    db.session.commit()
    return done, refused


def _chosen() -> list[Agent]:
    agents = meant(request.form, clock.now())
    for organization_id in {agent.organization_id for agent in agents}:
        may(Permission.AGENTS_WRITE, org_id=organization_id)
    return agents
