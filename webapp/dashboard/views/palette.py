"""Jumping anywhere by words: the palette's list, and the same as a page for those without JavaScript."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, redirect, render_template, request

from webapp import clock, htmx, navigation
from webapp.access.guards import requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents.models import Agent
from webapp.db import db
from webapp.language import _
from webapp.plugins import queries as plugins
from webapp.tasks import queries
from webapp.tasks.lists import batches, filters

bp = Blueprint("palette", __name__)

MOST = 12
EACH = 5


@bp.get("/palette")
@requires(Permission.TASKS_READ)
def palette() -> Response | str:
    q = request.args.get("q", "").strip()[:200]
    if not htmx.wanted():
        return redirect(f"/search?q={q}")  # type: ignore[return-value]
    return render_template("_palette.html", q=q, groups=groups(q))


@bp.get("/search")
@requires(Permission.TASKS_READ)
def search() -> str:
    q = request.args.get("q", "").strip()[:200]
    return render_template("dashboard/search.html", q=q, groups=groups(q) if q else [])


def groups(q: str) -> list[dict[str, Any]]:
    found = [
        (_("Go to"), _pages(q)),
        (_("Tasks"), _tasks(q)),
        (_("Agents"), _agents(q)),
        (_("Run a plugin"), _plugins(q)),
    ]
    return [{"title": title, "items": items[:EACH]} for title, items in found if items]


def _pages(q: str) -> list[dict[str, str]]:
    sections = navigation.sections(current_app, principal, request.path)
    items = [item for section in sections for item in section["items"]]
    return [
        {"href": item["href"], "label": item["label"], "hint": "page", "icon": item["icon"]}
        for item in items
        if q.lower() in item["label"].lower()
    ]


def _tasks(q: str) -> list[dict[str, str]]:
    if len(q) < 2:
        return []
    task = queries.by_uuid(q.lower())
    lines = [] if task else batches.page(filters.Filter(words=tuple(q.split())), EACH).lines
    rows = [task] if task else [line.task for line in lines if line.task]
    return [
        {
            "href": f"/tasks/{row.uuid}",
            "label": f"{row.what} {row.input}",
            "hint": _(row.looks.label),
            "icon": row.status,
        }
        for row in rows
    ]


def _agents(q: str) -> list[dict[str, str]]:
    if not q or not principal.org_ids_with(Permission.AGENTS_READ):
        return []
    like = Agent.hostname.icontains(q, autoescape=True)
    agents = db.session.scalars(sa.select(Agent).where(like, Agent.deleted_at.is_(None)).limit(EACH))
    now = clock.now()
    return [
        {"href": f"/agents/{a.uuid}", "label": a.hostname, "hint": str(a.presence(now)), "icon": "agents"}
        for a in agents
    ]


def _plugins(q: str) -> list[dict[str, str]]:
    if not q or not principal.org_ids_with(Permission.TASKS_CREATE):
        return []
    return [
        {"href": f"/tasks/new?plugin={p.id}", "label": p.manifest.name, "hint": p.id, "icon": "plugins"}
        for p in plugins.usable()
        if q.lower() in f"{p.manifest.name} {p.id}".lower()
    ]
