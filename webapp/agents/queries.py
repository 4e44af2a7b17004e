"""Reading agents: by name, by tag, pages of them, and what a form may choose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from webapp.agents.models import Agent, AgentTag, EnrolmentToken, Heartbeat
from webapp.agents.states import ONLINE_FOR, REMOVED, STALE_FOR, Presence, State
from webapp.db import db
from webapp.events import Event

TARGETED = (State.ACTIVE, State.PAUSED)  # a paused agent's tasks wait for it
COUNT_CAP = 10_000


@dataclass(frozen=True)
class Filter:
    """What a list shows. Empty fields do not limit it, several values mean any of them; `tags` by `match`, "all" or "any"."""

    q: str = ""
    presence: frozenset[Presence] = frozenset()
    states: frozenset[State] = frozenset()
    tags: tuple[str, ...] = ()
    match: str = "any"
    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    instance: tuple[str, ...] = ()
    capability: str = ""
    organization_ids: frozenset[int] = frozenset()
    removed: bool = False


@dataclass
class Page:
    agents: list[Agent] = field(default_factory=list)
    newer: str | None = None  # cursor of the page before
    older: str | None = None  # cursor of the page after


# --- what tasks need ----------------------------------------------------------------------------------------


def zone_of(agent_id: int | None) -> str:
    """By its name, as the host has told it."""
    facts = db.session.scalar(sa.select(Agent.facts).where(Agent.id == agent_id)) if agent_id else None
    return str((facts or {}).get("timezone", ""))


def active(organization_id: int) -> sa.Select[Agent]:
    """Those that ALL and tags mean."""
    mine = sa.select(Agent).where(Agent.organization_id == organization_id, Agent.deleted_at.is_(None))
    return mine.where(Agent.state.in_(TARGETED)).order_by(Agent.hostname, Agent.id)


def online(now: datetime, organization_id: int) -> Sequence[Agent]:
    return db.session.scalars(active(organization_id).where(Agent.last_seen_at > now - ONLINE_FOR)).all()


def named(names: Sequence[str], organization_id: int) -> tuple[list[Agent], list[str]]:
    """The agents with these ids or hostnames, in the order asked, and the names that nobody has. A disabled one is
    found: its tasks wait, and say why."""
    found: list[Agent] = []
    unknown: list[str] = []
    mine = _present().where(Agent.organization_id == organization_id)
    agents = db.session.scalars(mine.where(sa.or_(Agent.uuid.in_(names), Agent.hostname.in_(names)))).all()
    for name in names:
        matches = [agent for agent in agents if name in (agent.uuid, agent.hostname)]
        found += [agent for agent in matches if agent not in found]
        if not matches:
            unknown.append(name)
    return found, unknown


def tagged(agents: Sequence[Agent], tags: Sequence[str], match: str) -> list[Agent]:
    test = all if match == "all" else any
    return [agent for agent in agents if test(tag in agent.tags for tag in tags)]


# --- pages --------------------------------------------------------------------------------------------------


def by_uuid(uuid: str) -> Agent | None:
    """Also one that was removed: its history has a page."""
    return db.session.scalar(sa.select(Agent).where(Agent.uuid == uuid))


def by_uuids(uuids: Sequence[str]) -> list[Agent]:
    return list(db.session.scalars(sa.select(Agent).where(Agent.uuid.in_(uuids)).order_by(Agent.id)))


def all_of(chosen: Filter, now: datetime) -> list[Agent]:
    """All that match, for an act on all of them."""
    return list(db.session.scalars(where(chosen, now).order_by(Agent.id).limit(COUNT_CAP)))


def page(chosen: Filter, now: datetime, per: int, after: str | None = None, before: str | None = None) -> Page:
    """By hostname. Cursors are opaque; `after` goes on, `before` goes back."""
    found, key = where(chosen, now), sa.tuple_(Agent.hostname, Agent.id)
    if before is not None:
        found = found.where(key < _cursor(before)).order_by(Agent.hostname.desc(), Agent.id.desc())
    else:
        found = found.order_by(Agent.hostname, Agent.id)
        found = found.where(key > _cursor(after)) if after is not None else found
    rows = list(db.session.scalars(found.limit(per + 1)))
    more, rows = len(rows) > per, rows[:per]
    if before is not None:
        rows.reverse()
    if not rows:
        return Page()
    result = Page(rows)
    result.older = cursor(rows[-1]) if (more or before is not None) else None
    result.newer = cursor(rows[0]) if (after is not None or (more and before is not None)) else None
    return result


def count(chosen: Filter, now: datetime) -> int:
    """Up to COUNT_CAP."""
    some = where(chosen, now).with_only_columns(Agent.id).limit(COUNT_CAP).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def presences(now: datetime, organization_ids: Collection[int] = ()) -> dict[Presence, int]:
    """How many agents are online, stale, offline and never seen; those that are gone do not count."""
    seen = Agent.last_seen_at
    kind = sa.case(
        (seen.is_(None), Presence.NEVER.value), (seen > now - ONLINE_FOR, Presence.ONLINE.value),
        (seen > now - STALE_FOR, Presence.STALE.value), else_=Presence.OFFLINE.value,
    )  # fmt: skip
    rows = (
        sa.select(kind, sa.func.count()).where(Agent.deleted_at.is_(None), Agent.state.not_in(REMOVED)).group_by(kind)
    )
    if organization_ids:
        rows = rows.where(Agent.organization_id.in_(organization_ids))
    found = {Presence(str(row[0])): int(row[1]) for row in db.session.execute(rows)}
    return {presence: found.get(presence, 0) for presence in Presence}


def fleet_size() -> int:
    """Of the whole installation; in a system scope."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(_present().subquery())) or 0


def where(chosen: Filter, now: datetime) -> sa.Select[Agent]:
    found = sa.select(Agent).where(Agent.deleted_at.is_(None)) if chosen.removed or chosen.states else _present()
    if chosen.q:
        found = found.where(_matches(chosen.q))
    if chosen.presence:
        found = found.where(sa.or_(*(_seen(presence, now) for presence in chosen.presence)))
    if chosen.states:
        found = found.where(Agent.state.in_(chosen.states))
    if chosen.tags:
        found = found.where(_tagged(chosen.tags, chosen.match))
    if chosen.capability:
        # JSON lists are not indexed: fleets are thousands, not millions.
        found = found.where(sa.cast(Agent.capabilities, sa.Text).contains(f'"{chosen.capability}"'))
    if chosen.organization_ids:
        found = found.where(Agent.organization_id.in_(chosen.organization_ids))
    for column in (Agent.os, Agent.arch, Agent.version, Agent.instance):
        if wanted := getattr(chosen, column.key):
            found = found.where(column.in_(wanted))
    return found


def options(
    q: str = "", tags: Sequence[str] = (), match: str = "any", online: bool = False, platforms: Sequence[str] = (),
    checked: Collection[str] = (), limit: int = 200, *, organization_id: int, now: datetime,
) -> tuple[list[Agent], int]:  # fmt: skip
    """For the agent selector: those that are ticked first, then the matches; and how many more there are."""
    presence = frozenset({Presence.ONLINE}) if online else frozenset()
    chosen = Filter(q=q, tags=tuple(tags), match=match, presence=presence, os=tuple(platforms),
                    states=frozenset(TARGETED), organization_ids=frozenset({organization_id}))  # fmt: skip
    ticked = sa.case((Agent.uuid.in_(checked), 0), else_=1) if checked else sa.literal(1)
    found = where(chosen, now)
    if checked:
        mine = sa.and_(Agent.organization_id == organization_id, Agent.uuid.in_(checked), Agent.deleted_at.is_(None))
        ids = sa.union(found.with_only_columns(Agent.id), sa.select(Agent.id).where(mine)).subquery()
        found = sa.select(Agent).where(Agent.id.in_(sa.select(ids.c.id)))
    rows = list(db.session.scalars(found.order_by(ticked, Agent.hostname, Agent.id).limit(limit)))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(found.limit(COUNT_CAP).subquery())) or 0
    return rows, max(0, total - len(rows))


def tags_in_use(organization_ids: Collection[int] = (), q: str = "", limit: int = 100) -> list[tuple[str, int]]:
    """Each with the number of its agents, the commonest first."""
    number = sa.func.count()
    found = sa.select(AgentTag.tag, number).group_by(AgentTag.tag).order_by(number.desc(), AgentTag.tag).limit(limit)
    if organization_ids:
        found = found.where(AgentTag.organization_id.in_(organization_ids))
    if q:
        found = found.where(AgentTag.tag.icontains(q, autoescape=True))
    return [(name, total) for name, total in db.session.execute(found)]


def values(column: str) -> list[str]:
    """What there is to filter by: os, arch, version, instance."""
    which = {"os": Agent.os, "arch": Agent.arch, "version": Agent.version, "instance": Agent.instance}[column]
    found = sa.select(which).where(Agent.deleted_at.is_(None), which != "").distinct().order_by(which)
    return list(db.session.scalars(found.limit(200)))


def events_of(agent: Agent, limit: int = 50, before: int | None = None) -> Sequence[Event]:
    """Newest first; `before` is the id of the last one that was shown."""
    found = sa.select(Event).where(Event.subject == "agent", Event.subject_id == agent.id)
    if before is not None:
        found = found.where(Event.id < before)
    return db.session.scalars(found.order_by(Event.id.desc()).limit(limit)).all()


def samples(agent: Agent, now: datetime, since: timedelta = timedelta(hours=24)) -> Sequence[Heartbeat]:
    """Points of the heartbeat chart; a gap is a time in which it was not heard."""
    found = sa.select(Heartbeat).where(Heartbeat.agent_id == agent.id, Heartbeat.at >= now - since)
    return db.session.scalars(found.order_by(Heartbeat.at)).all()


def heard(
    agent_ids: Collection[int], now: datetime, since: timedelta = timedelta(hours=24)
) -> dict[int, list[datetime]]:
    """When each of them was heard, for a list."""
    found: dict[int, list[datetime]] = {agent_id: [] for agent_id in agent_ids}
    points = sa.select(Heartbeat.agent_id, Heartbeat.at).where(
        Heartbeat.agent_id.in_(agent_ids), Heartbeat.at >= now - since
    )
    for agent_id, at in db.session.execute(points) if agent_ids else ():
        found[agent_id].append(at)
    return found


# --- enrolment tokens ---------------------------------------------------------------------------------------


def tokens(limit: int = 100) -> Sequence[EnrolmentToken]:
    return db.session.scalars(sa.select(EnrolmentToken).order_by(EnrolmentToken.id.desc()).limit(limit)).all()


def token(key: str) -> EnrolmentToken | None:
    return db.session.scalar(sa.select(EnrolmentToken).where(EnrolmentToken.key == key))


def let_in_by(agent: Agent) -> EnrolmentToken | None:
    return db.session.get(EnrolmentToken, agent.enrolled_with_id) if agent.enrolled_with_id else None


def enrolled_with(token: EnrolmentToken) -> Sequence[Agent]:
    """Who came in with it: for the page that waits for an agent to appear."""
    found = sa.select(Agent).where(Agent.enrolled_with_id == token.id).order_by(Agent.id.desc())
    return db.session.scalars(found.limit(100)).all()


# --- parts --------------------------------------------------------------------------------------------------


def cursor(agent: Agent) -> str:
    return f"{agent.id}.{agent.hostname}"


def _cursor(text: str) -> sa.Tuple:
    number, _, hostname = text.partition(".")
    return sa.tuple_(sa.literal(hostname), sa.literal(int(number) if number.isdecimal() else 0))


def _present() -> sa.Select[Agent]:
    return sa.select(Agent).where(Agent.deleted_at.is_(None), Agent.state.not_in(REMOVED))


def _matches(q: str) -> sa.ColumnElement[bool]:
    texts = (Agent.hostname, Agent.os, Agent.arch, Agent.version, Agent.user, Agent.note, Agent.instance, Agent.address)
    tagged = sa.exists().where(AgentTag.agent_id == Agent.id, AgentTag.tag.icontains(q, autoescape=True))
    return sa.or_(
        tagged, Agent.uuid.startswith(q, autoescape=True), *(text.icontains(q, autoescape=True) for text in texts)
    )


def _seen(presence: Presence, now: datetime) -> sa.ColumnElement[bool]:
    seen = Agent.last_seen_at
    return {
        Presence.NEVER: seen.is_(None),
        Presence.ONLINE: seen > now - ONLINE_FOR,
        Presence.STALE: sa.and_(seen <= now - ONLINE_FOR, seen > now - STALE_FOR),
        Presence.OFFLINE: seen <= now - STALE_FOR,
    }[presence]


def _tagged(tags: tuple[str, ...], match: str) -> sa.ColumnElement[bool]:
    carried = [sa.exists().where(AgentTag.agent_id == Agent.id, AgentTag.tag == name) for name in tags]
    return sa.and_(*carried) if match == "all" else sa.or_(*carried)
