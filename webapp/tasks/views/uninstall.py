"""Taking agents off their hosts, from the pages about them: a task that each does as its last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, request

from webapp import clock, htmx
from webapp.access.guards import get_or_404, may, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents.forms import meant
from webapp.agents.models import Agent
from webapp.db import db, writing_to
from webapp.language import _, ngettext
from webapp.refusal import Refused
from webapp.tasks import launch
from webapp.tasks.models import Batch, Task
from webapp.tasks.spec import SpecError, parse
from webapp.tasks.states import Trigger

bp = Blueprint("uninstall", __name__, url_prefix="/agents")


@bp.post("/<uuid:agent_id>/uninstall")
@requires(Permission.AGENTS_DELETE)
def one(agent_id: Any) -> Response:
    agent = get_or_404(Agent, uuid=str(agent_id))
    return _uninstall([agent], f"/agents/{agent.uuid}", "agent")


@bp.post("/uninstall")
@requires(Permission.AGENTS_DELETE)
def several() -> Response:
    """The selected ones, or none of them where one cannot."""
    agents = meant(request.form, clock.now())
    if not agents:
        raise Refused("nobody", _("Select at least one agent"))
    return _uninstall(agents, "/agents", "agents")


def _uninstall(agents: Sequence[Agent], back: str, refresh: str) -> Response:
    try:
        batches = [_launch(organization_id, list(mine))
                   for organization_id, mine in groupby(sorted(agents, key=_home), _home)]  # fmt: skip
    except SpecError as error:
        db.session.rollback()
        return htmx.refused("; ".join(each["message"] for each in error.errors[:3]), back, refresh=refresh)
    db.session.commit()
    text = ngettext(
        "%(name)s is asked to uninstall", "%(num)s agents are asked to uninstall", len(agents), name=agents[0].hostname
    )
    href = _page_of(batches[0]) if len(batches) == 1 else "/tasks?q=type:uninstall"
    return htmx.changed(None, back, text, refresh=refresh, href=href)


def _home(agent: Agent) -> int:
    return agent.organization_id


def _launch(organization_id: int, agents: list[Agent]) -> Batch:
    may(Permission.AGENTS_DELETE, org_id=organization_id)
    spec = {"type": "uninstall", "data": {"cleanup": "cleanup" in request.form},
            "target": {"agents": [agent.uuid for agent in agents]}}  # fmt: skip
    with writing_to(organization_id):
        return launch.launch(parse(spec), Trigger.MANUAL, principal.actor, clock.now())


def _page_of(batch: Batch) -> str:
    uuids = db.session.scalars(sa.select(Task.uuid).where(Task.batch_id == batch.id).limit(2)).all()
    return f"/tasks/{uuids[0]}" if len(uuids) == 1 else f"/tasks/batches/{batch.uuid}"
