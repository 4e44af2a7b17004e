"""Heartbeats. The broker keeps the last one of each agent, so an idle beat writes no row; the caretaker carries them
into the database every few seconds. What changes an agent's row is written at once, and so is every beat that is due
while nobody carries.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import redis
import sqlalchemy as sa

from webapp import events, queue
from webapp.agents import copies, enrolment, facts, lifecycle
from webapp.agents.copies import Copy, key
from webapp.agents.models import Agent, Heartbeat
from webapp.agents.states import SILENCED
from webapp.bulk import upsert
from webapp.db import db, writing_to
from webapp.events import Actor
from workers.agent.protocol import AgentEvent, HeartbeatRequest

WAITING, TAKEN = "muster:beats", "muster:beats:taken"  # agent id → what to note; the second while it is being noted
CARRIED = "muster:beats:carried"  # stands while the caretaker carries beats into the database
CARRIED_SECONDS = 45
KEPT_SECONDS = 600
NOTE_AFTER = timedelta(seconds=30)
SAMPLE = timedelta(minutes=15)  # between two points of the chart, each a cell of it


class Said(NamedTuple):
    """A beat as the broker remembers it: `mine` is compared with the next one, `noted` is carried into the row."""

    instance_id: str
    seq: int
    description: str
    mine: str
    noted: str

    @classmethod
    def by(cls, message: HeartbeatRequest, digest: str, pulse: dict[str, Any]) -> Said:
        told = {"instance_id": message.instance_id, "seq": message.seq, "digest": digest, "heard": message.heard}
        mine = json.dumps(told)
        noted = json.dumps(pulse | {"last_seen_at": pulse["last_seen_at"].isoformat()})
        described = facts.self_description(message.instance_id, **described_by(message))
        return cls(message.instance_id, message.seq, described, mine, noted)


@dataclass
class Heard:
    copy: Copy
    pulse: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)
    due: bool = False

    @property
    def noted(self) -> bool:
        """Whether the agent's row changes now."""
        return self.copy is Copy.NEW or (self.copy is Copy.SAME and (self.due or bool(self.changes)))


def listen(agent: Agent, message: HeartbeatRequest, digest: str, address: str, now: datetime) -> Heard:
    """Reads a beat against what is known. Writes nothing but the broker's memory of it."""
    heard = Heard(copies.which(agent, message, now), pulse(message, address, now))
    if heard.copy in (Copy.SECOND, Copy.STRAGGLER):
        return heard
    last, carried = _remember(agent, Said.by(message, digest, heard.pulse))
    if heard.copy is Copy.SAME and last and last["instance_id"] == message.instance_id:
        heard.copy = _order(agent, message.seq - last["seq"], digest == last["digest"], last)
    heard.changes = _changes(agent, message)
    silent = agent.last_seen_at is None or now - agent.last_seen_at >= NOTE_AFTER
    heard.due = agent.offline_since is not None or agent.last_seen_at is None or (silent and not carried)
    return heard


def note(agent: Agent, message: HeartbeatRequest, heard: Heard, by: Actor, now: datetime) -> None:
    """Into the agent's row."""
    seen, silent_since, version = agent.last_seen_at, agent.offline_since, agent.version
    if heard.copy is Copy.NEW:
        copies.take_over(agent, message, now)
    lifecycle.update(agent, beat_seq=message.seq, offline_since=None, **heard.pulse, **heard.changes)
    _sample([(agent.organization_id, agent.id, seen, heard.pulse)])
    if silent_since is not None:
        _record(agent, "agent.came_back", by, now, f"After {_words(now - (seen or silent_since))} of silence")
    if version and version != agent.version:
        lifecycle.update(agent, update_to="")
        _record(agent, "agent.updated", by, now, f"From version {version} to {agent.version}")


def tell(agent: Agent, told: list[AgentEvent], by: Actor, now: datetime) -> None:
    """What the agent says of itself. It repeats what it believes unheard: the same at the same time is one."""
    for each in told[:100]:
        kind = "agent." + "".join(letter for letter in each.kind.lower() if letter.isalnum() or letter == "_")[:32]
        at = now - timedelta(milliseconds=min(max(each.age_ms, 0), 604_800_000))
        if not _told_before(agent, kind, each.text[:1000], at):
            _record(agent, kind, by, at, each.text[:1000])
        if kind == "agent.update_failed" and agent.update_to:
            lifecycle.update(agent, update_to="")


def carry(now: datetime) -> int:
    """All beats since the last round, in one statement. For the caretaker, in a system scope."""
    waiting: dict[bytes, bytes] = queue.ask(_take, {})
    rows = {int(agent_id): _read(text) for agent_id, text in waiting.items()}
    if rows:
        columns = Agent.organization_id, Agent.id, Agent.last_seen_at, Agent.state
        known = db.session.execute(sa.select(*columns).where(Agent.id.in_(rows))).all()
        before = [(org, agent_id, seen, rows[agent_id]) for org, agent_id, seen, _ in known]
        # Should the broker have been away when one was shut out, its next beat comes the long way all the same.
        facts.forget(agent_id for _, agent_id, _, state in known if state in SILENCED)
        _write(rows)
        _sample(before)
    queue.after_commit(db.session, partial(queue.delete, TAKEN))
    queue.after_commit(db.session, partial(queue.put, CARRIED, 1, CARRIED_SECONDS))
    return len(rows)


def _order(agent: Agent, step: int, alike: bool, last: dict[str, Any]) -> Copy:
    """A machine that was copied with its memory goes on under the same instance: the same number, another beat."""
    if step > 0:
        return Copy.SAME
    if step == 0 and not alike:
        return Copy.SECOND
    queue.put(key(agent.id), json.dumps(last), KEPT_SECONDS)
    return Copy.REPEAT


def digest(body: bytes) -> str:
    """By which a beat that was repeated is told from another of the same number."""
    return hashlib.sha256(body).hexdigest()[:16]


def pulse(message: HeartbeatRequest, address: str, now: datetime) -> dict[str, Any]:
    return {
        "last_seen_at": now, "running": sum(task.state != "reporting" for task in message.running),
        "spooled": max(0, message.spool), "rejected": max(0, message.rejected), "free_disk": max(0, message.free_disk),
        "load": message.load, "skew_ms": _skew(message.agent_time, now), "address": address[:64],
    }  # fmt: skip


def described_by(message: HeartbeatRequest) -> dict[str, Any]:
    return {
        "version": message.version[:32], "capacity": min(max(message.capacity, 0), 1000),
        "capabilities": enrolment.known_capabilities(message.capabilities),
        "facts": enrolment.known_facts(message.facts),
    }  # fmt: skip


def _changes(agent: Agent, message: HeartbeatRequest) -> dict[str, Any]:
    return {name: told for name, told in described_by(message).items() if told != getattr(agent, name)}


def _skew(agent_time: str, now: datetime) -> int | None:
    told = copies.moment(agent_time)
    return round((told - now).total_seconds() * 1000) if told else None


def _remember(agent: Agent, said: Said) -> tuple[dict[str, Any] | None, bool]:
    """One trip: keep this beat, learn the one before, and whether somebody carries beats."""

    def exchange(r: redis.Redis) -> tuple[Any, Any]:
        pipe = r.pipeline(transaction=False)
        pipe.set(key(agent.id), said.mine, ex=KEPT_SECONDS, get=True)
        pipe.hset(WAITING, str(agent.id), said.noted)
        pipe.get(CARRIED)
        before, _, carried = pipe.execute()
        return before, carried

    before, carried = queue.ask(exchange, (None, None))
    return json.loads(before) if before else None, carried is not None


def _take(r: redis.Redis) -> dict[bytes, bytes]:
    """What an earlier round took and could not note comes first."""
    if not r.exists(TAKEN):
        if not r.exists(WAITING):
            return {}
        r.rename(WAITING, TAKEN)
    return r.hgetall(TAKEN)  # type: ignore[return-value]


def _read(text: bytes) -> dict[str, Any]:
    pulse = json.loads(text)
    return pulse | {"last_seen_at": datetime.fromisoformat(pulse["last_seen_at"])}


def _write(rows: dict[int, dict[str, Any]]) -> None:
    table, names = sa.inspect(Agent).local_table, next(iter(rows.values())).keys()
    newer = sa.or_(
        table.c.last_seen_at.is_(None), table.c.last_seen_at < sa.bindparam("at", type_=table.c.last_seen_at.type)
    )
    statement = sa.update(table).where(table.c.id == sa.bindparam("agent_id"), newer)  # type: ignore[arg-type]
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    db.session.connection().execute(statement.values(values), [  # type: ignore[call-overload]
        {"agent_id": agent_id, "at": pulse["last_seen_at"]} | {f"new_{name}": pulse[name] for name in names}
        for agent_id, pulse in rows.items()
    ])  # fmt: skip


def _sample(seen: list[tuple[int, int, datetime | None, dict[str, Any]]]) -> None:
    """A point of the chart for each agent that has none yet in this stretch of time."""
    rows: list[dict[str, Any]] = [
        {"organization_id": org, "agent_id": agent_id, "at": _stretch(pulse["last_seen_at"])}
        | {name: pulse[name] for name in ("load", "free_disk", "running", "spooled")}
        for org, agent_id, before, pulse in seen
        if before is None or _stretch(before) != _stretch(pulse["last_seen_at"])
    ]
    for org in {row["organization_id"] for row in rows}:
        with writing_to(org):
            upsert(Heartbeat, [row for row in rows if row["organization_id"] == org], ["agent_id", "at"], [])


def _stretch(moment: datetime) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % SAMPLE.total_seconds())


def _told_before(agent: Agent, kind: str, text: str, at: datetime) -> bool:
    Event, near = events.Event, timedelta(seconds=5)
    same = sa.select(Event.id).where(
        Event.subject == "agent", Event.subject_id == agent.id, Event.kind == kind, Event.text == text,
        Event.at.between(at - near, at + near))  # fmt: skip
    return db.session.scalar(same.limit(1)) is not None


def _record(agent: Agent, kind: str, by: Actor, at: datetime, text: str) -> None:
    events.record(agent.organization_id, kind, "agent", agent.id, by, at, text=text)


def _words(silence: timedelta) -> str:
    seconds = int(silence.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"
