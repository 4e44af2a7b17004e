"""An agent comes, stays and leaves: enrolment, heartbeats, keys."""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint, Response, current_app, g, jsonify

from webapp import clock
from webapp.access.guards import public
from webapp.access.models import Organization
from webapp.agent_api import bodies, heartbeat, openapi, refusals
from webapp.agent_api.auth import actor, address, for_agents, require_version, writing
from webapp.agent_api.news import signing
from webapp.agent_api.refusals import refuse
from webapp.agents import enrolment, lifecycle, pace
from webapp.db import db, system_scope
from webapp.security import Limit
from workers.agent import protocol
from workers.agent.protocol import Code, EnrolReply, EnrolRequest, HeartbeatRequest, RotateReply

bp = Blueprint("agent_session", __name__, url_prefix=protocol.BASE)
refusals.init(bp)

WRONG_TOKENS = Limit("enrol", times=10, seconds=60)


@bp.post("/enrol")
@public(csrf=False)
def enrol() -> tuple[Response, int]:
    require_version()
    message, _ = bodies.read(EnrolRequest)
    if protocol.PROTOCOL not in message.protocol:
        refuse(426, Code.UPGRADE, "This server speaks another version of the protocol", required=protocol.VERSION)
    now = clock.now()
    with system_scope("enrolment"):
        try:
            agent, credential = enrolment.enrol(message, address(), now)
        except enrolment.TokenRefused:
            _turn_away()
        slug = db.session.get_one(Organization, agent.organization_id).slug
        db.session.commit()
    reply = EnrolReply(
        agent_id=agent.uuid, credential=credential, root=signing(current_app).bundle(now),  # type: ignore[arg-type]
        protocol=protocol.PROTOCOL, heartbeat_s=pace.beat_interval(0), server_time=clock.iso(now) or "", organization=slug,
    )  # fmt: skip
    return jsonify(reply.to_json()), 201


@bp.post("/heartbeat")
@for_agents
def beat() -> Response:
    message, _ = bodies.read(HeartbeatRequest)
    return jsonify(heartbeat.answer(message, bodies.raw(), clock.now()).to_json())


@bp.post("/credential/rotate")
@for_agents
def rotate() -> Response:
    writing()
    credential = lifecycle.rotate(g.agent, clock.now())
    db.session.commit()
    return jsonify(RotateReply(credential).to_json())


@bp.post("/unenrol")
@for_agents
def unenrol() -> tuple[str, int]:
    writing()
    lifecycle.leave(g.agent, actor(), clock.now())
    db.session.commit()
    return "", 204


@bp.get("/openapi.json")
@public
def describe() -> Response:
    return jsonify(openapi.document())


def _turn_away() -> NoReturn:
    """The same for every token that lets nobody in; guessing is slow."""
    db.session.rollback()
    wait = WRONG_TOKENS.hit(address())
    if wait:
        refuse(429, Code.SLOW_DOWN, "Too many wrong tokens", {"Retry-After": str(wait)}, retry_after_s=wait)
    refuse(401, Code.TOKEN_REFUSED, "This token lets nobody in: it is unknown, spent, expired or revoked")
