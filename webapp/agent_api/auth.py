"""Who calls: an agent, by its key. It sees its own organisation only, and of tasks its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, NoReturn

import sqlalchemy as sa
from flask import g, request

from webapp import clock
from webapp.access.guards import public
from webapp.agent_api.refusals import refuse
from webapp.agents import copies, credentials, lifecycle
from webapp.agents.models import Agent
from webapp.db import db, scope_to, system_scope
from webapp.events import Actor
from webapp.security import Limit
from webapp.tasks.models import Task
from workers.agent.protocol import INSTANCE_HEADER, PROTOCOL_HEADER, SUPPORTED, VERSION, Code

# A wrong key costs one look at a row; this only keeps a broken program from asking a thousand times a second.
WRONG_KEYS = Limit("agent-key", times=120, seconds=60)

View = Callable[..., Any]


def for_agents(view: View) -> View:
    """Public to the guard of the pages, since no session counts here; the key is looked for in this place."""

    @wraps(view)
    def called(*args: Any, **kwargs: Any) -> Any:
        require_version()
        g.agent = _agent()
        return view(*args, **kwargs)

    return public(csrf=False)(called)


def actor() -> Actor:
    return Actor("agent", g.agent.hostname, g.agent.id)


def writing() -> None:
    """From here on this request changes rows. Until now it did not take the place of the only writer."""
    db.session.rollback()
    db.session().info["reading"] = False


def reading() -> None:
    db.session.rollback()
    db.session().info["reading"] = True


def own_task(task_id: str, lock: bool = False) -> Task:
    """Another agent's task is not there. `lock`: nobody else moves it until this request has."""
    found = sa.select(Task).where(Task.uuid == task_id, Task.agent_id == g.agent.id)
    task = db.session.scalar(found.with_for_update() if lock else found)
    if task is None:
        refuse(404, Code.NOT_FOUND, "There is no such task for this agent")
    require_its_process(task.assigned_at)
    g.task = task
    return task


def require_its_process(given_at: datetime | None) -> None:
    """What two processes of one agent would say of the same task, only one can know. The other is to ask again: it has
    not beaten yet, or the one that was given the task may still live."""
    told = request.headers.get(INSTANCE_HEADER)
    if told and not copies.may_speak(g.agent, told, given_at, clock.now()):
        refuse(425, Code.UNPROVEN, "Another process of this agent was given this task, and may still run it")


def require_version() -> None:
    spoken = request.headers.get(PROTOCOL_HEADER, str(SUPPORTED[-1]))
    if spoken not in {str(version) for version in SUPPORTED}:
        text = f"This server speaks version {', '.join(map(str, SUPPORTED))} of the protocol"
        refuse(426, Code.UPGRADE, text, required=VERSION)


def address() -> str:
    return request.remote_addr or ""


def _agent() -> Agent:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    now = clock.now()
    reading()
    with system_scope("whose key"):
        found = credentials.find(text.strip(), now) if kind.lower() == "bearer" else None
    if found is None:
        _turn_away()
    agent = found.agent
    scope_to([agent.organization_id], agent.organization_id)
    if found.fresh:
        writing()
        lifecycle.promote(agent, found.fresh, Actor("agent", agent.hostname, agent.id), now)
        db.session.commit()
        reading()
    return agent


def _turn_away() -> NoReturn:
    """The same for every wrong key: unknown, revoked, or none at all."""
    wait = WRONG_KEYS.hit(address())
    if wait:
        refuse(429, Code.SLOW_DOWN, "Too many wrong keys", {"Retry-After": str(wait)}, retry_after_s=wait)
    refuse(401, Code.REVOKED, "This key opens nothing here", {"WWW-Authenticate": 'Bearer realm="Muster agents"'})
