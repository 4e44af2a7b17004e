"""Agents: which hosts there are, how they are, and what people say about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from webapp import clock
from webapp.access.guards import get_or_404
from webapp.access.permissions import Permission as P
from webapp.access.principal import principal
from webapp.agents import lifecycle, queries
from webapp.agents.models import Agent, Heartbeat
from webapp.agents.queries import Filter
from webapp.agents.states import Presence, State
from webapp.db import db
from webapp.events import Event
from webapp.objects.values import FieldErrors
from webapp.refusal import Refused
from webapp.rest import etags, shapes
from webapp.rest.pages import PAGE, list_of, newest_first, oldest_first
from webapp.rest.reading import asked, body
from webapp.rest.section import Answer, Section
from webapp.rest.shapes import EVENT, answered
from webapp.rest.values import Flag, Json, Many, Moment, Number, Shape, Text, Value, Whole

section = Section("agents", "Agents", "The hosts that run tasks. A host comes in with an enrolment token.")

TAGS = Many(of=Text(longest=64), most=lifecycle.MOST_TAGS)
AGENT = answered(
    "Agent",
    id=Text(format="uuid"),
    hostname=Text(),
    os=Text(),
    arch=Text(),
    version=Text(about="Of the agent program."),
    user=Text(about="As whom it runs."),
    instance=Text(),
    note=Text(),
    tags=TAGS,
    capabilities=Many(of=Text(), about="The types of tasks that it runs, and `run_as`."),
    facts=Shape(
        fields={
            "system": Text(about="Such as Debian GNU/Linux 12 (bookworm)."),
            "kernel": Text(),
            "cpus": Whole(),
            "memory": Whole(about="Bytes."),
            "python": Text(),
            "timezone": Text(about="Such as Europe/Amsterdam."),
        },
        about="What the host says of itself; what it did not find out is left out.",
    ),
    state=Text(choices=tuple(State), about="What people decided."),
    state_reason=Text(),
    presence=Text(choices=tuple(Presence), about="Whether it is heard."),
    last_seen_at=Moment(null=True),
    offline_since=Moment(null=True),
    address=Text(),
    running=Whole(about="How many tasks it runs."),
    capacity=Whole(about="How many it runs at once, as the host says."),
    spooled=Whole(about="Results that wait on the host."),
    rejected=Whole(about="Results that the server did not take; the host keeps them."),
    free_disk=Whole(null=True, about="Bytes."),
    load=Number(null=True, about="Of the host, over a minute."),
    clock_skew_ms=Whole(null=True, low=-(2**63), high=2**63 - 1, about="By how much its clock is ahead."),
    enrolled_at=Moment(),
    key_since=Moment(null=True),
    rotating=Flag(about="It was asked for a new key and does not use it yet."),
    update_to=Text(null=True, about="The version that it was asked to become."),
    organization=Text(),
)
FILTERS: dict[str, Value] = {
    "q": Text(about="A part of hostname, tag, platform, version, user, note, instance or address."),
    "presence": Many(of=Text(choices=tuple(Presence))),
    "state": Many(of=Text(choices=tuple(State))),
    "tag": Many(of=Text(), about="Several: any of them, or with `match=all` all."),
    "match": Text(choices=("any", "all"), default="any"),
    "os": Many(of=Text(), about="Several: any of them, as in `arch`, `version` and `instance`."),
    "arch": Many(of=Text()),
    "version": Many(of=Text()),
    "instance": Many(of=Text()),
    "capability": Text(about="A type of task that it runs."),
    "org": Many(of=Text(), about="Short names of organizations."),
}
EDIT = Shape(name="EditAgent", about="What is left out stays as it is.", fields={
    "tags": Many(of=TAGS.of, most=lifecycle.MOST_TAGS, about="These, and no others."),
    "note": Text(longest=300, shortest=0),
    "instance": Text(longest=64, shortest=0, about="What the host is part of, such as prod-eu."),
})  # fmt: skip
HEARTBEAT = answered(
    "Heartbeat",
    at=Moment(),
    running=Whole(),
    spooled=Whole(),
    load=Number(null=True),
    free_disk=Whole(null=True),
)


@section.get("/agents/", needs=(P.AGENTS_READ,), query=FILTERS | PAGE, answer=list_of(AGENT))
def index() -> Answer:
    """List agents.

    Those that were removed are left out, unless `state` names them.
    """
    now = clock.now()
    return oldest_first(queries.where(chosen(asked()), now), Agent.id, lambda agent: form(agent, now))


@section.get("/agents/<agent_id>/", needs=(P.AGENTS_READ,), answer=AGENT)
def show(agent_id: str) -> Answer:
    """Fetch an agent.

    Its ETag is good for `If-Match` while nobody edits it, however often it is heard meanwhile.
    """
    return told(found(agent_id))


@section.put("/agents/<agent_id>/", needs=(P.AGENTS_WRITE,), body=EDIT, answer=AGENT)
def edit(agent_id: str) -> Answer:
    """Change an agent's tags, note and instance."""
    agent, given, now = found(agent_id, lock=True), body(), clock.now()
    etags.check_edited(edited(agent), form(agent, now))
    facts: dict[str, Any] = {"note": agent.note, "instance": agent.instance}
    lifecycle.edit(agent, principal.actor, now, **facts | {name: given[name] for name in facts if name in given})
    if "tags" in given:
        tag(agent, given["tags"], now)
    return told(agent)


@section.delete("/agents/<agent_id>/", needs=(P.AGENTS_DELETE,))
def delete(agent_id: str) -> None:
    """Decommission an agent. Its key opens nothing from now on; its history stays."""
    agent = found(agent_id, lock=True)
    etags.check_edited(edited(agent), form(agent, clock.now()))
    lifecycle.decommission(agent, principal.actor, clock.now())


@section.get("/agents/<agent_id>/events/", needs=(P.AGENTS_READ,), query=PAGE, answer=list_of(EVENT))
def events_of(agent_id: str) -> Answer:
    """List what happened to an agent, newest first."""
    mine = sa.select(Event).where(Event.subject == "agent", Event.subject_id == found(agent_id).id)
    return newest_first(mine, Event.id, shapes.event)


@section.get("/agents/<agent_id>/heartbeats/", needs=(P.AGENTS_READ,),
             query={"hours": Whole(low=1, high=168, default=24)}, answer=list_of(HEARTBEAT))  # fmt: skip
def heartbeats(agent_id: str) -> Json:
    """List how an agent was: a point for each quarter of an hour in which it was heard."""
    samples = queries.samples(found(agent_id), clock.now(), timedelta(hours=asked()["hours"]))
    return {"items": [_heartbeat(sample) for sample in samples], "next": None}


def chosen(given: Json) -> Filter:
    """What a list shows, or an act on all that match means."""
    words, lists = ("q", "match", "capability"), ("os", "arch", "version", "instance")
    parts: Any = {name: given[name] for name in words if name in given}
    parts |= {name: tuple(given.get(name, ())) for name in lists}
    return Filter(
        presence=frozenset(Presence(word) for word in given.get("presence", ())),
        states=frozenset(State(word) for word in given.get("state", ())),
        tags=tuple(given.get("tag", ())),
        organization_ids=_organizations(given.get("org", ())),
        **parts,
    )


def found(agent_id: str, *, lock: bool = False) -> Agent:
    """Also one that was decommissioned: its history can be read."""
    agent = get_or_404(Agent, uuid=agent_id.lower())
    if lock:
        db.session.refresh(agent, with_for_update=True)
    return agent


def tag(agent: Agent, tags: list[str], now: datetime) -> None:
    """A word that is no tag is the caller's slip and names its field; a state that forbids it is a refusal."""
    try:
        lifecycle.clean_tags(tags)
    except Refused as refusal:
        raise FieldErrors([{"field": "tags", "message": refusal.text}]) from None
    lifecycle.tag(agent, tags, principal.actor, now)


def told(agent: Agent, status: int | None = None) -> Answer:
    shown = form(agent, clock.now())
    return Answer(shown, status, {"ETag": f'"{etags.of_edited(edited(agent), shown)}"'})


def edited(agent: Agent) -> Json:
    """What people decide; the rest of it changes by itself."""
    return {name: getattr(agent, name) for name in ("tags", "note", "instance", "state", "state_reason")}


def form(agent: Agent, now: datetime) -> Json:
    told = ("hostname", "os", "arch", "version", "user", "instance", "note", "tags", "capabilities", "facts")
    measured = ("address", "running", "capacity", "spooled", "rejected", "free_disk", "load", "rotating")
    return {
        "id": agent.uuid,
        **{name: getattr(agent, name) for name in told + measured},
        "state": agent.state,
        "state_reason": agent.state_reason,
        "presence": agent.presence(now),
        "last_seen_at": clock.iso(agent.last_seen_at),
        "offline_since": clock.iso(agent.offline_since),
        "clock_skew_ms": agent.skew_ms,
        "enrolled_at": clock.iso(agent.enrolled_at),
        "key_since": clock.iso(agent.credential_at),
        "update_to": agent.update_to or None,
        "organization": shapes.organization(agent.organization_id),
    }


def _organizations(slugs: Any) -> frozenset[int]:
    known = {org.slug: org.id for org in principal.orgs}
    if unknown := [slug for slug in slugs if slug not in known]:
        text = f"There is no organization {unknown[0][:60]} that you can see"
        raise FieldErrors([{"field": "org", "message": text}])
    return frozenset(known[slug] for slug in slugs)


def _heartbeat(sample: Heartbeat) -> Json:
    names = ("running", "spooled", "load", "free_disk")
    return {"at": clock.iso(sample.at)} | {name: getattr(sample, name) for name in names}
