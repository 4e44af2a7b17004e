"""One heartbeat: note it, keep the leases of what runs, and tell what the server wants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flask import Flask, current_app, g

from webapp import clock
from webapp.agent_api import handout
from webapp.agent_api.auth import actor, address, reading, writing
from webapp.agent_api.news import trust_news
from webapp.agent_api.refusals import refuse
from webapp.agents import beats, copies, credentials, facts, lifecycle, pace, queries, wake
from webapp.agents.beats import Heard
from webapp.agents.copies import Copy
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.config import Settings as Config
from webapp.db import db, system_scope
from webapp.tasks import claim
from webapp.tasks.lifecycle import Lease
from workers.agent import protocol
from workers.agent.protocol import Code, Command, HeartbeatReply, HeartbeatRequest, Settings, Wake

SOON_S = 1.0  # for a process that has to prove that it lives
CLONED = "Two copies of this agent are alive. Enrol one of them anew"


class Kept(NamedTuple):
    lost: set[str]
    stop: set[str]


NOTHING = Kept(set(), set())


def answer(message: HeartbeatRequest, body: bytes, now: datetime) -> HeartbeatReply:
    agent: Agent = g.agent
    if agent.state == State.QUARANTINED:
        refuse(409, Code.SESSION_CONFLICT, agent.state_reason)
    heard = beats.listen(agent, message, beats.digest(body), address(), now)
    if heard.copy is Copy.SECOND:
        _quarantine(agent, now)
    kept = _note(agent, message, heard, now) if heard.noted or message.running or message.events else NOTHING
    with system_scope("how many agents"):
        fleet(_app()).counted_by(queries.fleet_size)
    told = reply(_app(), agent.id, agent.organization_id, agent.state, now)
    told.drop, told.commands = sorted(kept.lost), _commands(agent, message, kept, now)
    if heard.copy is Copy.STRAGGLER or (heard.copy is Copy.NEW and copies.on_trial(agent, now)):
        told.interval_s = SOON_S
    if not message.running:
        reading()
        facts.keep(agent.id, now)
    return told


def no_news(app: Flask, message: HeartbeatRequest) -> bool:
    """Nothing that this process knows, and the agent does not."""
    return not trust_news(app).beyond(message.trust, clock.now()) and fleet(app).fresh


def reply(app: Flask, agent_id: int, organization_id: int, state: str, now: datetime) -> HeartbeatReply:
    settings: Config = app.extensions["settings"]
    size = fleet(app).size
    ticket = wake.ticket(settings.secret_key, agent_id, organization_id, now) if settings.wake_url else ""
    return HeartbeatReply(
        server_time=clock.iso(now) or "",
        interval_s=pace.beat_interval(size),
        claim_interval_s=pace.claim_interval(size),
        wake=Wake(settings.wake_url, ticket) if ticket else None,
        settings=Settings(paused=state in (State.PAUSED, State.UNAPPROVED), lease_s=protocol.LEASE_S),
    )


def _quarantine(agent: Agent, now: datetime) -> None:
    writing()
    lifecycle.quarantine(agent, actor(), now, CLONED)
    wake.after_commit(agent.organization_id, [agent.id], wake.BEAT)  # the other one is to hear of it soon
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


def _commands(agent: Agent, message: HeartbeatRequest, kept: Kept, now: datetime) -> list[Command]:
    """Repeated until their effect is seen: answers get lost."""
    commands = [Command("cancel", task_id=task_id) for task_id in sorted(kept.stop)]
    if credentials.due(agent, now):
        commands.append(Command("rotate"))
    if news := trust_news(_app()).beyond(message.trust, now):
        commands.append(Command("root", root=news))
    if agent.update_to and agent.update_to != message.version:
        commands += handout.update_command(agent, now)
    return commands


def fleet(app: Flask) -> pace.Fleet:
    """How many agents there are, as this process knows it."""
    known: pace.Fleet = app.extensions.setdefault("fleet", pace.Fleet())
    return known


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]
