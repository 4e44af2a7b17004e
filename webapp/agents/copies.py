"""Which process of an agent speaks, and of which tasks it may.

An agent that was restarted takes over at once, and so does a copy of it, in another folder or on another host. What tells
them apart is whether the process before lives on. A new process knows that it does not where it has taken the lock of the
same folder in the same boot, and says so. Any other is on trial: until the one before had its time to show that it lives,
only that one is heard about the tasks it was given.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from webapp import clock, queue
from webapp.agents import lifecycle, wake
from webapp.agents.models import Agent
from workers.agent.protocol import HeartbeatRequest

KEPT = 5
# For a process that has just taken over to prove that it lives; it is asked to at once.
PATIENCE = timedelta(seconds=10)
TRIAL = timedelta(
    seconds=30
)  # an agent with work beats every 15 s and a little, and proves its life with the next beat


class Copy(Enum):
    """Which process of the agent speaks."""

    SAME = "the one that is known"
    NEW = "a new one: the agent was restarted"
    REPEAT = "the one that is known, repeating itself"
    STRAGGLER = "one that was taken over from, and does not prove that it lives on"
    SECOND = "one that was taken over from, and lives"


class Before(NamedTuple):
    """A process that was taken over from; `gone` where that is sure."""

    instance_id: str
    until: str
    gone: bool = False


def which(agent: Agent, message: HeartbeatRequest, now: datetime) -> Copy:
    """A beat repeats the time that the last answer told its process: at that moment of the server's clock it lived. What
    the clocks of hosts say proves nothing: they are set back, and copied along."""
    if message.instance_id == agent.instance_id:
        return Copy.SAME
    if message.instance_id not in _ids(agent):
        return Copy.NEW
    taken_over_at, heard_at = _taken_over_at(agent), moment(message.heard)
    if heard_at is None or heard_at <= taken_over_at:
        return Copy.STRAGGLER
    if _lives(agent, taken_over_at):
        return Copy.SECOND
    # What took over may have been a beat that was long on its way, of a process that is gone.
    return Copy.NEW if now - taken_over_at > PATIENCE else Copy.STRAGGLER


def take_over(agent: Agent, message: HeartbeatRequest, now: datetime) -> None:
    """The one before is asked to beat at once, so that a copy is not believed for long."""
    before, mine = agent.instance_id, message.instance_id
    gone = before in message.continues or mine in _ids(agent)
    earlier = [each for each in agent.superseded if each[0] != mine]
    superseded = [list(Before(before, clock.iso(now) or "", gone)), *earlier][:KEPT] if before else []
    lifecycle.update(agent, Agent.instance_id == before, instance_id=mine, superseded=superseded)
    if before and not gone:
        wake.after_commit(agent.organization_id, [agent.id], wake.BEAT)


def on_trial(agent: Agent, now: datetime) -> bool:
    """Whether what took over last may be a copy of a process that lives."""
    return bool(agent.superseded) and not _last(agent).gone and now - _taken_over_at(agent) < TRIAL


def may_speak(agent: Agent, instance_id: str, given_at: datetime | None, now: datetime) -> bool:
    """Of a task that was given out then. Of one that is given out now (None), only the one that is known."""
    if instance_id != agent.instance_id:
        ends = [moment(each[1]) for each in agent.superseded if each[0] == instance_id]
        return given_at is not None and any(end is not None and given_at < end for end in ends)
    return given_at is None or not on_trial(agent, now) or given_at >= _taken_over_at(agent)


def key(agent_id: int) -> str:
    """What the broker remembers of an agent's last beat."""
    return f"muster:beat:{agent_id}"


def moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


def _lives(agent: Agent, taken_over_at: datetime) -> bool:
    """Whether the known process has heard that it took over; also where that is forgotten."""
    last = json.loads(queue.get(key(agent.id)) or b"{}")
    if last.get("instance_id") != agent.instance_id:
        return True
    heard_at = moment(last.get("heard"))
    return heard_at is not None and heard_at >= taken_over_at


def _taken_over_at(agent: Agent) -> datetime:
    return datetime.fromisoformat(_last(agent).until)


def _last(agent: Agent) -> Before:
    return Before(*agent.superseded[0])


def _ids(agent: Agent) -> list[str]:
    return [each[0] for each in agent.superseded]
