"""What agents do with tasks: take them, start them, say how they ended."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, g, jsonify

from webapp import clock
from webapp.agent_api import bodies, ends, handout, refusals
from webapp.agent_api.auth import actor, for_agents, own_task, require_its_process, writing
from webapp.agent_api.refusals import refuse
from webapp.agents import quiet
from webapp.agents.models import Agent
from webapp.agents.states import State
from webapp.db import db, dialect
from webapp.tasks import claim as claims
from webapp.tasks import lifecycle, reports
from webapp.tasks.lifecycle import GRACE, Lease
from webapp.tasks.models import Task
from webapp.tasks.states import STARTED, Status
from workers.agent import protocol
from workers.agent.protocol import (
    CANCEL_HEADER,
    CancelledRequest,
    ClaimRequest,
    Code,
    FailRequest,
    LeaseRequest,
    ResultReply,
    ResultRequest,
    StartReply,
    StatusRequest,
)

bp = Blueprint("agent_tasks", __name__, url_prefix=protocol.BASE)
refusals.init(bp)

Answer = Response | tuple[Any, int]

CLAIMING = 7_150_502  # beside that of migrations


@bp.post("/claim")
@for_agents
def claim() -> Answer:
    message, _ = bodies.read(ClaimRequest)
    _require_claiming(message)
    require_its_process(None)
    if g.agent.state == State.PAUSED or not _something_waits(message.claim_id):
        return "", 204
    writing()
    now = clock.now()
    _one_at_a_time(g.agent)
    most = min(max(message.max, 0), handout.AT_ONCE)
    taken = claims.for_agent(g.agent, most, message.claim_id, now, handout.lease_token(message.claim_id))
    tasks = handout.handed_out(taken, now)
    quiet.answering(g.agent.id, message.claim_id)
    db.session.commit()
    return jsonify({"tasks": tasks}) if tasks else ("", 204)


@bp.post("/tasks/<task_id>/status")
@for_agents
def status(task_id: str) -> Answer:
    """News of a step. One that was overtaken by the next is no contradiction."""
    message, _ = bodies.read(StatusRequest)
    task, lease = _leased(task_id, message)
    now = clock.now()
    if message.state == Status.DOWNLOADING and task.status == Status.ASSIGNED:
        lifecycle.download(task, lease, actor(), now)
    elif message.state == Status.REPORTING and task.status == Status.EXECUTING:
        lifecycle.report(task, lease, actor(), now, ends.exit_code(message.exit_code or 0))
    elif not reports.holds(task, lease):
        _gone(task)
    db.session.commit()
    return jsonify({})


@bp.post("/tasks/<task_id>/start")
@for_agents
def start(task_id: str) -> Answer:
    """The permit to execute: without it nothing runs, so a task is executed at most once."""
    message, _ = bodies.read(LeaseRequest)
    task, lease = _leased(task_id, message)
    if not reports.holds(task, lease):
        _gone(task)
    if g.agent.state != State.ACTIVE and task.status not in STARTED:
        refuse(409, Code.FROZEN, f"This agent is {g.agent.state}")
    lifecycle.start(task, lease, actor(), clock.now())
    db.session.commit()
    return jsonify(StartReply(task.execution_timeout + GRACE.total_seconds()).to_json())


@bp.post("/tasks/<task_id>/give_back")
@for_agents
def give_back(task_id: str) -> Answer:
    message, _ = bodies.read(LeaseRequest)
    task, lease = _leased(task_id, message)
    if not reports.holds(task, lease):
        _gone(task)
    lifecycle.give_back(task, lease, actor(), clock.now(), "The agent handed it back")
    db.session.commit()
    return jsonify({})


@bp.put("/tasks/<task_id>/result")
@for_agents
def result(task_id: str) -> Answer:
    message, body = bodies.read(ResultRequest)
    return jsonify(ResultReply(ends.result(own_task(task_id), message, body)).to_json())


@bp.post("/tasks/<task_id>/fail")
@for_agents
def fail(task_id: str) -> Answer:
    message, body = bodies.read(FailRequest)
    ends.fail(own_task(task_id), message, body)
    return jsonify({})


@bp.post("/tasks/<task_id>/cancelled")
@for_agents
def cancelled(task_id: str) -> Answer:
    message, body = bodies.read(CancelledRequest)
    ends.cancelled(own_task(task_id), message, body)
    return jsonify({})


@bp.after_request
def tell_of_cancel(response: Response) -> Response:
    """On any answer about a task that somebody wants stopped."""
    task: Task | None = g.get("task")
    if task is not None and task.cancel_requested_at is not None:
        response.headers[CANCEL_HEADER] = "1"
    return response


def _require_claiming(message: ClaimRequest) -> None:
    agent: Agent = g.agent
    if agent.unapproved:
        refuse(403, Code.DISABLED, "This agent waits for approval by an admin")
    if agent.state not in (State.ACTIVE, State.PAUSED):
        refuse(403, Code.DISABLED, f"This agent is {agent.state}")
    if message.spool > 0:
        refuse(409, Code.DRAIN_FIRST, "Hand in the waiting results first")
    if not message.claim_id or len(message.claim_id) > 64:
        refuse(422, Code.BAD_MESSAGE, "claim_id must have 1 to 64 characters")
    if wait := quiet.CLAIMS.hit(str(agent.id)):
        refuse(429, Code.SLOW_DOWN, "Too many claims", {"Retry-After": str(wait)}, retry_after_s=wait)


def _something_waits(claim_id: str) -> bool:
    """That nothing does is remembered, and such a claim is not asked here again for a while: see the gate."""
    agent: Agent = g.agent

    def look() -> claims.Waiting:
        db.session.commit()  # a snapshot from before the mark may lack what was queued since
        return claims.waiting_for(agent, claim_id)

    return quiet.looked(agent.id, agent.organization_id, look)


def _one_at_a_time(agent: Agent) -> None:
    """Two copies of one claim follow one another, so that the second finds what the first took. Not by a lock of the
    agent's row: while heartbeats are carried into a thousand rows, claims would wait in every thread, and beats with them."""
    if dialect() == "postgresql":
        db.session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(CLAIMING, agent.id % 2**31)))


def _leased(task_id: str, message: Any) -> tuple[Task, Lease]:
    writing()
    return own_task(task_id), Lease(message.lease_seq, message.token)


def _gone(task: Task) -> None:
    """The lease is void; a task that was withdrawn says so."""
    withdrawn = task.status in (Status.CANCELLED, Status.TERMINATED)
    refuse(409, Code.CANCELLED if withdrawn else Code.STALE, f"This task is {task.looks.label}")
