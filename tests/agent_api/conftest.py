from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.agent_api.caller import Caller, enrol
from tests.browser import Browser
from tests.cast import Cast
from webapp import clock
from webapp.agents import enrolment
from webapp.agents.models import Agent
from webapp.events import SYSTEM
from workers import packages

Enrolled = Callable[..., Caller]


@pytest.fixture
def enrolled(client: Browser, session: Session, cast: Cast) -> Enrolled:
    """Agents as they come: with a token, over HTTP, and heard once."""

    def make(organization: str = "acme", hostname: str = "", **told: object) -> Caller:
        where = cast.organizations[organization]
        text, _ = enrolment.create_token(where, SYSTEM, clock.now())
        reply = enrol(client, text, hostname, **told).json
        caller = Caller(client, reply["credential"], reply["agent_id"])
        bundle = reply["root"]
        caller.trust = {
            "root": bundle["roots"][-1]["root"]["version"], "revoked": bundle["revoked"]["revoked"]["version"]
        }  # fmt: skip
        assert caller.beat().status_code == 200
        return caller

    return make


@pytest.fixture
def caller(enrolled: Enrolled) -> Caller:
    return enrolled(hostname="web-1")


@pytest.fixture
def agent(caller: Caller, session: Session) -> Agent:
    return session.query(Agent).filter_by(uuid=caller.agent_id).one()


@pytest.fixture
def published(app: Flask, session: Session) -> str:
    """The agent program as this server publishes it; its SHA-256."""
    package = packages.publish_agent(app.extensions["settings"].data, clock.now())
    session.commit()
    return package.sha256
