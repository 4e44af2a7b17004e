"""The verbs on agents. Each is one guarded UPDATE and one event; none commits. Tasks of an agent that goes are ended by
the loops, which see its state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from webapp import events
from webapp.access import audit
from webapp.agents import credentials, facts, wake
from webapp.agents.models import Agent, AgentTag
from webapp.agents.states import MOVES, STATE_LOOKS, State
from webapp.db import db, writing_to
from webapp.events import Actor
from webapp.language import _
from webapp.library import packages
from webapp.refusal import Refused

TAG = re.compile(r"[\w][\w.:@/+ -]{0,63}")
MOST_TAGS = 32


def pause(agent: Agent, by: Actor, now: datetime, reason: str = "") -> None:
    """It finishes what it runs and takes nothing more. Its tasks wait."""
    _move(agent, State.PAUSED, by, now, reason)


def approve(agent: Agent, by: Actor, now: datetime) -> None:
    """A host came in with a token, and somebody says that it is what it seems: from its next beat on it gets work."""
    _require_unapproved(agent)
    _move(agent, State.ACTIVE, by, now, said="agent.approved")


def refuse(agent: Agent, by: Actor, now: datetime, reason: str = "") -> None:
    """It is not let in: it leaves every list, and its key opens nothing."""
    _require_unapproved(agent)
    decommission(agent, by, now, reason)


def enable(agent: Agent, by: Actor, now: datetime) -> None:
    """Also out of a quarantine: whichever copy reports next is taken for the agent."""
    if agent.unapproved:
        raise Refused("unapproved", _("%(hostname)s waits for approval", hostname=agent.hostname))
    _move(agent, State.ACTIVE, by, now, instance_id="", superseded=[])


def disable(agent: Agent, by: Actor, now: datetime, reason: str = "") -> None:
    """As a pause, but it is no target of ALL and tags either, until somebody enables it."""
    _move(agent, State.DISABLED, by, now, reason)


def quarantine(agent: Agent, by: Actor, now: datetime, reason: str) -> None:
    """Two copies are alive: neither is believed, both are told to stop."""
    if agent.state != State.QUARANTINED:
        _move(agent, State.QUARANTINED, by, now, reason)


def revoke(agent: Agent, by: Actor, now: datetime, reason: str = "") -> None:
    """Its key opens nothing from the next request on. The host has to be enrolled anew."""
    _move(agent, State.REVOKED, by, now, reason, credential_hash=None, issued=[])


def leave(agent: Agent, by: Actor, now: datetime) -> None:
    """It was taken off its host, and said so itself."""
    _move(agent, State.UNINSTALLED, by, now, credential_hash=None, issued=[])


def decommission(agent: Agent, by: Actor, now: datetime, reason: str = "") -> None:
    """Out of every list; its history stays with its tasks."""
    _move(agent, State.DECOMMISSIONED, by, now, reason, credential_hash=None, issued=[], deleted_at=now)
    db.session.execute(sa.delete(AgentTag).where(AgentTag.agent_id == agent.id),
                       execution_options={"synchronize_session": False})  # fmt: skip


def ask_to_rotate(agent: Agent, by: Actor, now: datetime) -> None:
    """At its next heartbeat it fetches a new key; the old one ends when the new one is used."""
    _require_present(agent)
    update(agent, rotate_asked_at=now)
    _record(agent, "agent.rotation_asked", by, now)
    wake.after_commit(agent.organization_id, [agent.id], wake.BEAT)


def rotate(agent: Agent, now: datetime) -> str:
    """The next key, on the agent's own request. Both are good until the new one is used."""
    text = credentials.made(agent.id)
    update(agent, issued=credentials.with_one_more(agent, text, now))
    return text


def promote(agent: Agent, fresh: str, by: Actor, now: datetime) -> None:
    """A key that was issued is used: it is the only one from here on. Two first uses at once are one."""
    other = sa.or_(Agent.credential_hash.is_(None), Agent.credential_hash != fresh)
    with suppress(Refused):
        update(agent, other, credential_hash=fresh, credential_at=now, issued=[], rotate_asked_at=None)
        _record(agent, "agent.key_rotated", by, now)


def ask_to_update(agent: Agent, by: Actor, now: datetime) -> None:
    """Without a task: at its next heartbeat it replaces its own program by the published one."""
    _require_present(agent)
    package = packages.agent()
    if package is None:
        raise Refused("unpublished", _("No agent program is published on this server. Run muster migrate"))
    if agent.version == package.version:
        raise Refused(
            "unchanged",
            _("%(hostname)s runs version %(version)s already", hostname=agent.hostname, version=package.version),
        )
    update(agent, update_to=package.version)
    _record(agent, "agent.update_asked", by, now, after={"version": package.version})
    wake.after_commit(agent.organization_id, [agent.id], wake.BEAT)


def edit(agent: Agent, by: Actor, now: datetime, *, note: str, instance: str) -> None:
    _require_present(agent)
    before = {"note": agent.note, "instance": agent.instance}
    update(agent, note=note[:300], instance=instance[:64])
    _record(agent, "agent.edited", by, now, before, {"note": agent.note, "instance": agent.instance})


def tag(agent: Agent, tags: Iterable[str], by: Actor, now: datetime) -> None:
    """These tags, and no others."""
    _require_present(agent)
    before = list(agent.tags)
    set_tags(agent, tags)
    if before != agent.tags:
        _record(agent, "agent.tagged", by, now, {"tags": before}, {"tags": list(agent.tags)})


def tag_many(agents: Sequence[Agent], add: Iterable[str], remove: Iterable[str], by: Actor, now: datetime) -> int:
    """How many were changed; those that are gone are passed over."""
    adding, removing = clean_tags(add), set(remove)
    done = 0
    for agent in agents:
        wanted = [name for name in agent.tags if name not in removing] + adding
        if not agent.removed and clean_tags(wanted) != list(agent.tags):
            tag(agent, wanted, by, now)
            done += 1
    return done


def set_tags(agent: Agent, tags: Iterable[str]) -> None:
    """On the row, and as rows of their own."""
    update(agent, tags=clean_tags(tags))
    db.session.execute(sa.delete(AgentTag).where(AgentTag.agent_id == agent.id),
                       execution_options={"synchronize_session": False})  # fmt: skip
    rows = [{"organization_id": agent.organization_id, "agent_id": agent.id, "tag": name} for name in agent.tags]
    if rows:
        with writing_to(agent.organization_id):
            db.session.execute(sa.insert(AgentTag), rows)


def clean_tags(tags: Iterable[str]) -> list[str]:
    kept = sorted({name.strip() for name in tags if name.strip()}, key=str.lower)
    for name in kept:
        if not TAG.fullmatch(name):
            raise Refused(
                "tag", _('"%(name)s" is no tag. Use letters, digits and . : @ / + - _, up to 64', name=name[:70])
            )
    if len(kept) > MOST_TAGS:
        raise Refused("tag", _("An agent has at most %(most_tags)s tags", most_tags=MOST_TAGS))
    return kept


def update(agent: Agent, *guards: sa.ColumnElement[bool], **values: Any) -> None:
    """Zero rows: somebody else was first."""
    statement = sa.update(Agent).where(Agent.id == agent.id, *guards).values(**values)
    done = db.session.execute(statement, execution_options={"synchronize_session": False})
    if done.rowcount == 0:  # type: ignore[attr-defined]
        raise Refused("stale", _("%(hostname)s has changed meanwhile", hostname=agent.hostname))
    for name, value in values.items():
        set_committed_value(agent, name, value)
    facts.changed(agent.id)


def _move(
    agent: Agent, to: State, by: Actor, now: datetime, reason: str = "", said: str = "", **values: Any
) -> None:  # fmt: skip
    before = State(agent.state)
    if to not in MOVES[before]:
        raise Refused(
            "illegal",
            _("%(hostname)s is %(lower)s", hostname=agent.hostname, lower=_(STATE_LOOKS[before].label).lower()),
        )
    update(agent, Agent.state == before, state=to, state_reason=reason[:300], **values)
    _record(agent, said or f"agent.{to}", by, now, {"state": before}, {"state": to, "reason": reason}, reason)
    wake.after_commit(agent.organization_id, [agent.id], wake.BEAT)


def _require_unapproved(agent: Agent) -> None:
    if not agent.unapproved:
        state = _(agent.looks.label).lower()
        raise Refused("approved", _("%(hostname)s is %(state)s", hostname=agent.hostname, state=state))


def _require_present(agent: Agent) -> None:
    if agent.removed:
        raise Refused(
            "removed", _("%(hostname)s is %(lower)s", hostname=agent.hostname, lower=_(agent.looks.label).lower())
        )


def _record(agent: Agent, kind: str, by: Actor, now: datetime, before: dict[str, Any] | None = None,
            after: dict[str, Any] | None = None, text: str = "") -> None:  # fmt: skip
    with writing_to(agent.organization_id):
        events.record(agent.organization_id, kind, "agent", agent.id, by, now, text=text or None, data=after)
    if by.kind in ("user", "token"):
        audit.record(agent.organization_id, kind, f"agent {agent.hostname}", by, now, before, after)
