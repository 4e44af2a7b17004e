"""How a host becomes an agent: tokens that let so many in, and the one exchange of a token for a key."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from webapp import events
from webapp.access import audit
from webapp.access.models import Organization
from webapp.agents import credentials, lifecycle
from webapp.agents.models import Agent, EnrolmentToken
from webapp.agents.states import REMOVED, State
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.language import _
from webapp.refusal import Refused
from workers.agent.protocol import TYPES, EnrolRequest

PREFIX = "enr_"
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
LONGEST = timedelta(days=30)
MOST_USES = 1000
REPEATED_WITHIN = timedelta(minutes=10)
CAPABILITIES = frozenset({*TYPES, "run_as"})
FACT_WORDS, FACT_NUMBERS = ("system", "kernel", "python", "timezone"), ("cpus", "memory")
_UNSHOWN = re.compile(r"[^\w.:@ -]")


class TokenRefused(Exception):
    """Unknown, spent, expired, revoked or from a wrong network: the asker learns only that."""


class Enrolled(NamedTuple):
    agent: Agent
    credential: str


def create_token(
    organization_id: int, by: Actor, now: datetime, *, tags: Iterable[str] = (), max_uses: int = 1,
    expires_in: timedelta = timedelta(hours=1), note: str = "", network: str = "", approval: bool = False,
) -> tuple[str, EnrolmentToken]:  # fmt: skip
    """The token's text, which nobody can read again, and its row."""
    if not 1 <= max_uses <= MOST_USES:
        raise Refused("max_uses", _("A token lets 1 to %(most_uses)s hosts in", most_uses=f"{MOST_USES:,}"))
    if not timedelta(minutes=1) <= expires_in <= LONGEST:
        raise Refused("expires_in", _("A token lives from a minute to %(days)s days", days=LONGEST.days))
    secret = secrets.token_urlsafe(32)
    token = EnrolmentToken(
        organization_id=organization_id, key="".join(secrets.choice(ALPHABET) for _ in range(8)), note=note[:300],
        secret_hash=credentials.hashed(secret), tags=lifecycle.clean_tags(tags), network=_network(network), uses=0, approval=approval,
        max_uses=max_uses, created_at=now, created_by=by.name, created_by_id=by.id, expires_at=now + expires_in,
    )  # fmt: skip
    with writing_to(organization_id):
        db.session.add(token)
        db.session.flush()
    facts = {
        "key": token.key,
        "tags": token.tags,
        "max_uses": max_uses,
        "expires_at": str(token.expires_at),
        "note": note,
        "approval": approval,
    }
    audit.record(organization_id, "enrolment_token.create", f"enrolment token {token.key}", by, now, after=facts)
    return f"{PREFIX}{token.key}_{secret}", token


def revoke_token(token: EnrolmentToken, by: Actor, now: datetime) -> None:
    """Hosts that came in with it stay."""
    if token.revoked_at is None:
        token.revoked_at = now
        what = f"enrolment token {token.key}"
        audit.record(token.organization_id, "enrolment_token.revoke", what, by, now, before={"uses": token.uses})


def enrol(request: EnrolRequest, address: str, now: datetime) -> Enrolled:
    """In a system scope: the token alone says which organisation. Asked again within ten minutes, because the answer
    was lost, it costs no further use."""
    token = _token(request.token, address)
    agent = _known_host(token, request)
    if agent is not None and agent.enrolled_with_id == token.id and now - agent.enrolled_at < REPEATED_WITHIN:
        return Enrolled(agent, lifecycle.rotate(agent, now))
    _use(token, now)
    agent = _again(agent, token, request, address, now) if agent else _new(token, request, address, now)
    text = credentials.made(agent.id)
    lifecycle.update(agent, credential_hash=credentials.hashed(text), credential_at=now, issued=[])
    lifecycle.set_tags(agent, [*agent.tags, *token.tags, *_tags(request.tags)])
    return Enrolled(agent, text)


def _token(text: str, address: str) -> EnrolmentToken:
    """Locked, so that two copies of one request follow one another."""
    key, _, secret = text.removeprefix(PREFIX).partition("_")
    named = sa.select(EnrolmentToken).where(EnrolmentToken.key == key[:8]).with_for_update()
    token = db.session.scalar(named) if text.startswith(PREFIX) else None
    if token is None or not hmac.compare_digest(token.secret_hash, credentials.hashed(secret)):
        raise TokenRefused
    if token.revoked_at is not None or not _from(token.network, address):
        raise TokenRefused
    return token


def _use(token: EnrolmentToken, now: datetime) -> None:
    free = (
        EnrolmentToken.uses < EnrolmentToken.max_uses,
        EnrolmentToken.expires_at > now,
        EnrolmentToken.revoked_at.is_(None),
    )
    used = sa.update(EnrolmentToken).where(EnrolmentToken.id == token.id, *free).values(
        uses=EnrolmentToken.uses + 1, used_at=now)  # fmt: skip
    done = db.session.execute(used, execution_options={"synchronize_session": False})
    if done.rowcount == 0:  # type: ignore[attr-defined]
        raise TokenRefused


def _known_host(token: EnrolmentToken, request: EnrolRequest) -> Agent | None:
    """The same install on the same host. Images are copied with their install id: the name tells copies apart."""
    same = sa.select(Agent).where(
        Agent.organization_id == token.organization_id, Agent.install_id == request.install_id[:64],
        Agent.hostname == _host(request), Agent.deleted_at.is_(None), Agent.state.not_in(REMOVED),
    )  # fmt: skip
    return db.session.scalar(same.order_by(Agent.id.desc()).limit(1))


def _waits(token: EnrolmentToken) -> bool:
    """For somebody to approve it: as the token says, or its organisation."""
    return token.approval or db.session.get_one(Organization, token.organization_id).approve_agents


def _new(token: EnrolmentToken, request: EnrolRequest, address: str, now: datetime) -> Agent:
    agent = Agent(
        organization_id=token.organization_id, install_id=request.install_id[:64], tags=[],
        enrolled_at=now, enrolled_with_id=token.id, **_told(request, address),
        state=State.UNAPPROVED if _waits(token) else State.ACTIVE,
    )  # fmt: skip
    db.session.add(agent)
    db.session.flush()
    _record(agent, "agent.enrolled", token, now)
    return agent


def _again(agent: Agent, token: EnrolmentToken, request: EnrolRequest, address: str, now: datetime) -> Agent:
    """A host that lost its key, or was set up anew: still the same agent, and the key before is void. Where hosts are
    approved it waits again, for all that is known of it was told by whoever has the token."""
    again = {"state": State.UNAPPROVED} if agent.active and _waits(token) else {}
    lifecycle.update(agent, enrolled_at=now, enrolled_with_id=token.id, instance_id="", superseded=[],
                     rotate_asked_at=None, **again, **_told(request, address))  # fmt: skip
    _record(agent, "agent.enrolled_again", token, now)
    return agent


def _told(request: EnrolRequest, address: str) -> dict[str, Any]:
    return {
        "hostname": _host(request), "os": _word(request.os, 32), "arch": _word(request.arch, 32),
        "version": _word(request.agent_version, 32), "user": _word(request.user, 120), "address": address[:64],
        "capabilities": known_capabilities(request.capabilities), "facts": known_facts(request.facts),
    }  # fmt: skip


def known_capabilities(names: Iterable[str]) -> list[str]:
    return sorted(CAPABILITIES & set(names))


def known_facts(told: dict[str, Any]) -> dict[str, str | int]:
    """Short words and numbers, in our order: agents of other versions may say more or less."""
    words = {
        name: "".join(filter(str.isprintable, told[name]))[:120]
        for name in FACT_WORDS
        if isinstance(told.get(name), str)
    }
    numbers = {name: told[name] for name in FACT_NUMBERS if type(told.get(name)) is int and 0 < told[name] < 2**53}
    return words | numbers


def _tags(names: list[str]) -> list[str]:
    """What the host says of itself counts as far as it can be used."""
    return [name for name in names if lifecycle.TAG.fullmatch(name)][:16]


def _host(request: EnrolRequest) -> str:
    return _word(request.hostname, 255) or "unnamed"


def _word(text: str, longest: int) -> str:
    return _UNSHOWN.sub("_", text.strip())[:longest]


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip())) if text.strip() else ""
    except ValueError:
        raise Refused("network", _("Enter a network such as 10.0.0.0/8")) from None


def _from(network: str, address: str) -> bool:
    try:
        return not network or ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def _actor(agent: Agent) -> Actor:
    return Actor("agent", agent.hostname, agent.id)


def _record(agent: Agent, kind: str, token: EnrolmentToken, now: datetime) -> None:
    text = f"{agent.platform}, version {agent.version}, with the token {token.key} of {token.created_by}"
    text += "; it waits for approval" if agent.unapproved else ""
    with writing_to(agent.organization_id):
        events.record(agent.organization_id, kind, "agent", agent.id, _actor(agent), now, text=text)
