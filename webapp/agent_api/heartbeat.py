"""One heartbeat: note it, keep the leases of what runs, and tell what the server wants."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

from flask import current_app, g

from webapp import clock
from webapp.agent_api import handout
from webapp.agent_api.auth import actor, address, writing
from webapp.agent_api.news import trust_news
from webapp.agent_api.refusals import refuse
from webapp.agents import beats, credentials, lifecycle, pace, queries, wake
from webapp.agents.beats import Copy, Heard
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.db import db, system_scope
from webapp.tasks import claim
from webapp.tasks.lifecycle import Lease
from workers.agent import protocol
from workers.agent.protocol import Code, Command, HeartbeatReply, HeartbeatRequest, Settings, Wake

CLONED = "Two copies of this agent are alive. Enrol one of them anew"


class Kept(NamedTuple):
    lost: set[str]
    stop: set[str]


NOTHING = Kept(set(), set())


def answer(message: HeartbeatRequest, body: bytes, now: datetime) -> HeartbeatReply:
    agent: Agent = g.agent
    if agent.state == State.QUARANTINED:
        refuse(409, Code.SESSION_CONFLICT, agent.state_reason)
    heard = beats.listen(agent, message, hashlib.sha256(body).hexdigest()[:16], address(), now)
    if heard.copy is Copy.STRAGGLER:
        refuse(409, Code.SESSION_CONFLICT, "A newer process of this agent has taken over")
    if heard.copy is Copy.SECOND:
        _quarantine(agent, now)
    kept = _note(agent, message, heard, now) if heard.noted or message.running or message.events else NOTHING
    return _reply(agent, message, kept, now)


def _quarantine(agent: Agent, now: datetime) -> None:
    writing()
    lifecycle.quarantine(agent, actor(), now, CLONED)
    db.session.commit()
    refuse(409, Code.SESSION_CONFLICT, CLONED)


def _note(agent: Agent, message: HeartbeatRequest, heard: Heard, now: datetime) -> Kept:
    """Whatever a beat changes, in one transaction."""
    writing()
    if heard.noted:
        beats.note(agent, message, heard, actor(), now)
    if message.events:
        beats.tell(agent, message.events, actor(), now)
    leases = {task.task_id: Lease(task.lease_seq, task.token) for task in message.running}
    lost = claim.renew(leases.items(), now) if leases else set()
    stop = claim.stops(leases.keys() - lost) if leases else set()
    db.session.commit()
    return Kept(lost, stop)


def _reply(agent: Agent, message: HeartbeatRequest, kept: Kept, now: datetime) -> HeartbeatReply:
    fleet = _fleet()
    settings = current_app.extensions["settings"]
    ticket = wake.ticket(settings.secret_key, agent.id, agent.organization_id, now) if settings.wake_url else ""
    return HeartbeatReply(
        server_time=clock.iso(now) or "",
        commands=_commands(agent, message, kept, now),
        drop=sorted(kept.lost),
        interval_s=pace.beat_interval(fleet),
        claim_interval_s=pace.claim_interval(fleet),
        wake=Wake(settings.wake_url, ticket) if ticket else None,
        settings=Settings(paused=agent.state == State.PAUSED, lease_s=protocol.LEASE_S),
    )


def _commands(agent: Agent, message: HeartbeatRequest, kept: Kept, now: datetime) -> list[Command]:
    """Repeated until their effect is seen: answers get lost."""
    commands = [Command("cancel", task_id=task_id) for task_id in sorted(kept.stop)]
    if credentials.due(agent, now):
        commands.append(Command("rotate"))
    if news := trust_news(current_app).beyond(message.trust, now):  # type: ignore[arg-type]
        commands.append(Command("root", root=news))
    if agent.update_to and agent.update_to != message.version:
        commands += handout.update_command(agent, now)
    return commands


def _fleet() -> int:
    fleet: pace.Fleet = current_app.extensions.setdefault("fleet", pace.Fleet())
    with system_scope("how many agents"):
        return fleet.counted_by(queries.fleet_size)
